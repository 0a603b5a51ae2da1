//! Answers: what a person did with a message - opened it, tapped an action, wrote back.

use super::stepper::Stepper;
use crate::base::id::DeviceId;
use crate::engine::fix::{Receipt, ReceiptStatus, Record};
use crate::engine::moment::{Evidence, How, MomentKind};

impl Stepper<'_> {
    /// A receipt that answers one of this person's messages is a moment; one for a message that is not known here is none.
    pub(super) fn notice_answer(&mut self, device_id: DeviceId, record: &Record, receipt: &Receipt) {
        let how = match receipt.status {
            ReceiptStatus::Opened => How::Opened,
            ReceiptStatus::Action => How::Action,
            ReceiptStatus::Reply => How::Reply,
            ReceiptStatus::Received | ReceiptStatus::Displayed | ReceiptStatus::Failed => return,
        };
        let mut sent = self.subject.sent.iter_mut();
        let Some(sent) = sent.find(|sent| sent.message_id == receipt.message_id) else {
            return;
        };
        // Whoever answers has read: opening it after that is no news.
        if sent.opened_at.is_some() && how == How::Opened {
            return;
        }
        sent.opened_at.get_or_insert(record.at);
        let kind = MomentKind::Answered {
            message_id: receipt.message_id,
            content: sent.said.content.clone(),
            how,
            action: receipt.action.clone().filter(|_| how == How::Action),
            text: receipt.text.clone().filter(|_| how == How::Reply),
            facts: sent.facts.to_vec(),
        };
        let evidence = Evidence {
            record_id: Some(record.id.clone()),
            quality: Some(record.quality),
            ..Evidence::default()
        };
        let moment = self.moment(Some(device_id), record.at, kind, evidence);
        self.notice(moment);
    }
}
