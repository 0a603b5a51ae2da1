//! Answers in a walk: what a person does with the newest message of a content, reported by the device that got it.

use super::format::{AnswerAct, WalkError};
use super::run::Runner;
use super::stage::wrong;
use crate::engine::fix::{RawBody, Receipt};

impl Runner {
    pub(super) fn answer(&mut self, number: usize, act: &AnswerAct) -> Result<(), WalkError> {
        let user_id = self.user(&act.user);
        let sent = self.subjects.get(&user_id).and_then(|subject| {
            let newest = subject
                .sent
                .iter()
                .rev()
                .find(|sent| sent.said.content == act.content)?;
            Some((newest.message_id, *newest.course.tried.last()?))
        });
        let Some((message_id, device_id)) = sent else {
            return Err(wrong(format!(
                "/steps/{number}: {} has no message `{}` to answer by then",
                act.user, act.content
            )));
        };
        let receipt = RawBody::Receipt(Receipt {
            message_id,
            status: act.how,
            action: act.action.clone(),
            text: act.text.clone(),
        });
        let device = self.stage.device_name(device_id);
        self.single(&device, None, number, self.now, receipt)
    }
}
