//! What goes in by a script is stored exactly as if each value had been bound: in its type, to the last byte.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may panic")]

use super::codec::do_nothing;
use super::connect::Store;
use super::script::Script;
use super::testing;
use ::entity::{event, moment};
use chrono::{DateTime, TimeDelta};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue, ConnectionTrait, EntityTrait, Insert, IntoActiveModel, QueryOrder, Statement};
use uuid::Uuid;

const NAUGHTY: [&str; 12] = [
    "",
    "null",
    "0042",
    "1e3",
    "{\"a\": [1, 2]}",
    "it's \"quoted\" \\ and \\u0041 /* */ -- ;",
    "line\nline\r\n\ttab \u{1}\u{1f}\u{7f}",
    "żółć 👩‍👩‍👧 \u{200f}\u{feff}\u{10ffff}",
    "$.a ?1 :name @x",
    "nul\u{0}inside",
    "x'00ff'",
    "true",
];

fn events(store: &Store) -> Vec<event::Model> {
    let start = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
    // Whole seconds, then with three, six and nine digits.
    let fractions = [0, 120_000_000, 123_456_000, 123_456_789];
    let event = |(index, text): (usize, &&str)| event::Model {
        project_id: Uuid::from_u128(7),
        record_id: format!("{index}{text}"),
        user_id: Uuid::from_u128(u128::MAX - index as u128),
        device_id: (index % 2 == 0).then(|| Uuid::from_u128(index as u128)),
        name: (*text).to_owned(),
        properties: text.repeat(index * 50),
        occurred_at: start + TimeDelta::nanoseconds(fractions[index % 4]),
        received_at: DateTime::UNIX_EPOCH - TimeDelta::milliseconds(i64::try_from(index).unwrap()),
    };
    // PostgreSQL takes no NUL in a text.
    let all = NAUGHTY.iter().enumerate().map(event);
    all.filter(|event| store.is_sqlite() || !event.name.contains('\0'))
        .collect()
}

/// Every value as SQL writes it, so that a text is never taken for a number.
async fn literally(store: &Store) -> Vec<Vec<String>> {
    if !store.is_sqlite() {
        return Vec::new();
    }
    let columns = [
        "project_id",
        "record_id",
        "user_id",
        "device_id",
        "name",
        "properties",
        "occurred_at",
        "received_at",
    ];
    // `quote` ends a text at its first NUL.
    let read = columns
        .map(|column| format!("typeof({column}) || quote({column}) || hex({column}) AS {column}"))
        .join(", ");
    let select = format!("SELECT {read} FROM events ORDER BY events.record_id");
    let backend = store.writer.get_database_backend();
    let rows = store
        .writer
        .query_all_raw(Statement::from_string(backend, select))
        .await
        .unwrap();
    rows.iter()
        .map(|row| columns.iter().map(|column| row.try_get("", column).unwrap()).collect())
        .collect()
}

async fn stored(store: &Store) -> Vec<event::Model> {
    event::Entity::find()
        .order_by_asc(event::Column::RecordId)
        .all(&store.writer)
        .await
        .unwrap()
}

#[tokio::test]
async fn rows_are_stored_as_if_they_were_bound() {
    let store = testing::open_fresh().await.unwrap();
    let rows = || events(&store).into_iter().map(IntoActiveModel::into_active_model);
    Insert::<event::ActiveModel>::many(rows())
        .exec_without_returning(&store.writer)
        .await
        .unwrap();
    let bound = (stored(&store).await, literally(&store).await);
    event::Entity::delete_many().exec(&store.writer).await.unwrap();

    for one_by_one in [false, true] {
        let mut script = Script::new(store.writer.get_database_backend());
        // All together holds a NUL, which JSON cannot bring; one by one, the others go as JSON.
        let groups = if one_by_one {
            rows().map(|row| vec![row]).collect()
        } else {
            vec![rows().collect::<Vec<_>>()]
        };
        for group in groups {
            script.insert(group, None);
        }
        assert_eq!(script.run(&store.writer).await.unwrap(), events(&store).len() as u64);
        assert_eq!((stored(&store).await, literally(&store).await), bound);
        event::Entity::delete_many().exec(&store.writer).await.unwrap();
    }
}

#[tokio::test]
async fn a_repeat_is_left_out_or_takes_the_place_of_what_was_there() {
    let store = testing::open_fresh().await.unwrap();
    let backend = store.writer.get_database_backend();
    let insert = async |rows: Vec<event::Model>, conflict: &OnConflict| {
        let mut script = Script::new(backend);
        script.insert::<_, event::ActiveModel>(rows, Some(conflict));
        script.run(&store.writer).await.unwrap()
    };
    let all: Vec<_> = events(&store)
        .into_iter()
        .filter(|event| !event.name.contains('\0'))
        .collect();
    assert_eq!(insert(all[..3].to_vec(), &do_nothing()).await, 3);
    assert_eq!(insert(all.clone(), &do_nothing()).await, all.len() as u64 - 3);

    let changed = event::Model {
        name: "new".into(),
        ..all[0].clone()
    };
    let newer = OnConflict::columns([event::Column::ProjectId, event::Column::RecordId])
        .update_columns([event::Column::Name])
        .to_owned();
    insert(vec![changed.clone()], &newer).await;
    assert!(stored(&store).await.contains(&changed));
    assert_eq!(stored(&store).await.len(), all.len());
}

#[tokio::test]
async fn statements_run_in_order_and_none_after_one_that_fails() {
    let store = testing::open_fresh().await.unwrap();
    let noticed_at = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
    let moment = |id: u128| moment::ActiveModel {
        id: ActiveValue::Set(Uuid::from_u128(id)),
        project_id: ActiveValue::Set(Uuid::from_u128(1)),
        user_id: ActiveValue::Set(Uuid::from_u128(2)),
        kind: ActiveValue::Set("entered".into()),
        noticed_at: ActiveValue::Set(noticed_at),
        body: ActiveValue::Set("{}".into()),
    };
    let mut script = Script::new(store.writer.get_database_backend());
    script.insert(vec![moment(1), moment(2)], None);
    script.add(&moment::Entity::delete_many());
    script.insert(vec![moment(2), moment(3)], None);
    assert_eq!(script.run(&store.writer).await.unwrap(), 6);

    let mut script = Script::new(store.writer.get_database_backend());
    script.insert(vec![moment(4)], None);
    script.insert(vec![moment(3)], None);
    script.insert(vec![moment(5)], None);
    let txn = store.write_txn().await.unwrap();
    assert!(script.run(&txn).await.is_err());
    txn.rollback().await.unwrap();
    let left = moment::Entity::find()
        .order_by_asc(moment::Column::Id)
        .all(&store.writer)
        .await
        .unwrap();
    let left: Vec<u128> = left.iter().map(|moment| moment.id.as_u128()).collect();
    assert_eq!(left, [2, 3]);
    assert_eq!(
        Script::new(store.writer.get_database_backend())
            .run(&store.writer)
            .await
            .unwrap(),
        0
    );
}
