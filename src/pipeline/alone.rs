//! Jobs that read or write the store themselves: each has its lane to itself while it does.

use super::PipelineError;
use super::lane::{Answer, Job, Task};
use super::people::news_of;
use super::stepping::Worker;
use crate::base::id::DeviceId;
use crate::engine::step::Input;
use crate::engine::subject::{Profile, reached_by};
use crate::store::UserMerge;
use crate::store::change::Row;

impl Worker {
    /// A job that reads or writes the store itself.
    pub(super) async fn work_alone(&mut self, job: Job) {
        match job.task {
            Task::Step(_) => self.work(vec![job]).await,
            Task::Erase => self.erase(job).await,
            Task::TellDevice(device_id) => self.tell_device(job, device_id).await,
            Task::TellContact => self.tell_contact(job).await,
            Task::Merge(merge) => self.merge(job, &merge).await,
        }
    }

    async fn erase(&mut self, mut job: Job) {
        let now = self.shared.clock.now();
        let result = self.shared.store.erase_user(job.project_id, job.user_id, now).await;
        self.subjects.take((job.project_id, job.user_id));
        self.shared.holdings.forget_user(job.project_id, job.user_id);
        let answer = result.map(|erased| Answer {
            erased,
            ..Answer::default()
        });
        job.answer(answer.map_err(PipelineError::Store));
    }

    /// The store changed a device without a step: its address died or went to another one, or the device has a new owner.
    async fn tell_device(&mut self, mut job: Job, device_id: DeviceId) {
        let input = match self.shared.store.device(job.project_id, device_id).await {
            Ok(Some(row)) if row.user_id == job.user_id => Input::Device {
                device_id,
                device: news_of(&row),
            },
            Ok(Some(_) | None) => Input::DeviceGone(device_id),
            Err(error) => return job.answer(Err(error.into())),
        };
        job.task = Task::Step(Some(input));
        self.work(vec![job]).await;
    }

    /// The store forgot an address of the person's own: it died.
    async fn tell_contact(&mut self, mut job: Job) {
        let (project_id, user_id) = job.key();
        let profile = match self.shared.store.user(project_id, user_id).await {
            Ok(Some(user)) => Profile {
                reached_by: reached_by(&user.contact),
                ..user.profile
            },
            Ok(None) => return job.answer(Ok(Answer::default())),
            Err(error) => return job.answer(Err(error.into())),
        };
        job.rows.push(Row::User {
            user_id,
            profile: profile.clone(),
            at: self.shared.clock.now(),
        });
        job.task = Task::Step(Some(Input::Profile(profile)));
        self.work(vec![job]).await;
    }

    /// What is known of an anonymous user goes to who they are, with everything that was stored of them.
    async fn merge(&mut self, mut job: Job, merge: &UserMerge) {
        let store = self.shared.store.clone();
        // What is in memory may be newer than what was worth storing.
        let cached = self.subjects.take((job.project_id, job.user_id));
        let known = match cached {
            Some(known) => Ok(Some(known)),
            None => store
                .load_subjects(job.project_id, &[job.user_id])
                .await
                .map(|subjects| subjects.into_iter().next().map(Box::new)),
        };
        let handed_over = match known {
            Ok(Some(known)) => store.merge_user(merge, &known).await,
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        };
        self.shared.holdings.forget(merge.device_id);
        job.answer(handed_over.map_err(PipelineError::Store).map(|handed_over| Answer {
            handed_over: handed_over.map(Box::new),
            ..Answer::default()
        }));
    }
}
