//! The books balance at every sample: accepted is delivered, failed, expired and waiting (RELIABILITY A11).

use usher::store::Store;

/// Looks at every project of a running server's database: no message is in no account, or in two.
pub async fn assert_books_balance(store: &Store) {
    for project in store.projects().await.unwrap() {
        let books = store.books(project.id).await.unwrap();
        assert!(books.balance(), "{}: {books:?}", project.name);
    }
    let all = store.delivery_books().await.unwrap();
    assert!(all.balance(), "{all:?}");
}
