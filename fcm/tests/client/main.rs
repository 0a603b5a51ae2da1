//! The client against the test server, over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

mod access;
mod answers;

use fcm::test_server::TestServer;
use fcm::{AndroidConfig, AndroidNotification, Client, Message, Notification};

async fn start() -> (TestServer, Client) {
    let server = TestServer::start().await.unwrap();
    let client = Client::new(server.settings()).unwrap();
    (server, client)
}

/// A notification for one phone; repeats with the same tag replace it.
fn room(tag: &str) -> Message {
    Message::to_token("phone-1")
        .notification(Notification::new("Your room", "Room 412 is ready"))
        .android(AndroidConfig::default().notification(AndroidNotification::default().tag(tag)))
}
