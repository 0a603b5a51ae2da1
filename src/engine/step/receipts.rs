//! Receipts: what the person did with a message that was made for them.

use super::stepper::Stepper;
use crate::base::id::MessageId;
use crate::base::time::Timestamp;

impl Stepper<'_> {
    /// The message was opened, or answered, for the first time.
    pub(super) fn note_opened(&mut self, message: MessageId, at: Timestamp) {
        let mut sent = self.subject.sent.iter_mut();
        if let Some(sent) = sent.find(|sent| sent.message_id == message && sent.opened_at.is_none()) {
            sent.opened_at = Some(at);
            self.dirty = true;
        }
    }
}
