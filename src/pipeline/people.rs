//! People: devices registering, signing in and out; consent; profiles; erasure. Every change is a step of the user it concerns.

use super::lane::Task;
use super::{Pipeline, PipelineError};
use crate::base::contact::Contact;
use crate::base::id::{ProjectId, UserId};
use crate::engine::step::{DeviceNews, Input};
use crate::engine::subject::{Consent, Profile, Purpose, reached_by};
use crate::store::change::Row;
use crate::store::{DeviceRow, Registered, Registration, UserMerge, UserRow};

impl Pipeline {
    /// Registers an installation: a new anonymous user, or the device it already is, with a new token.
    pub async fn register(&self, registration: Registration) -> Result<Registered, PipelineError> {
        let registered = self.0.store.register_device(&registration).await;
        match &registered {
            Ok(Registered { created: true, .. }) => {}
            // Its old token has ended.
            Ok(Registered { device, .. }) => self.0.holdings.forget(device.id),
            Err(_) => self.0.holdings.forget_all(),
        }
        let registered = registered?;
        self.tell_devices(registered.device.project_id, &registered.unreachable)
            .await;
        if !registered.created {
            let device = &registered.device;
            let mut job = self.job(device.project_id, device.user_id);
            job.task = Task::Step(Some(Input::Device {
                device_id: device.id,
                device: news_of(device),
            }));
            self.run(job).await?;
            if !registration.consents.is_empty() {
                let mut job = self.job(device.project_id, device.user_id);
                job.task = Task::Step(Some(Input::Consents(registration.consents)));
                self.run(job).await?;
            }
        }
        Ok(registered)
    }

    /// Takes what is new about a device: its push address, locale, zone, permissions.
    pub async fn update_device(&self, device: DeviceRow) -> Result<(), PipelineError> {
        let mut job = self.job(device.project_id, device.user_id);
        job.task = Task::Step(Some(Input::Device {
            device_id: device.id,
            device: news_of(&device),
        }));
        let project_id = device.project_id;
        job.rows.push(Row::Device(device));
        let answer = self.run(job).await?;
        self.tell_devices(project_id, &answer.unreachable).await;
        Ok(())
    }

    /// Somebody signed in: the device is theirs from now on. What was known of an anonymous user on it is known of them.
    pub async fn identify(
        &self,
        device: &DeviceRow,
        user_ref: &str,
        profile: Option<Profile>,
    ) -> Result<UserRow, PipelineError> {
        let now = self.now();
        let (user, _) = self
            .0
            .store
            .user_or_new(device.project_id, user_ref, self.new_id(), now)
            .await?;
        let user = match profile {
            Some(profile) => self.with_profile(user, user_ref, profile).await?,
            None => user,
        };
        if user.id != device.user_id && !self.merge(device, &user).await? {
            self.change_hands(device, &user).await?;
        }
        Ok(user)
    }

    /// Somebody nobody knew turns out to be this user: all that is known of them goes along. False when the device was
    /// somebody's already; of a person with a name nothing ever becomes another one's.
    async fn merge(&self, device: &DeviceRow, user: &UserRow) -> Result<bool, PipelineError> {
        let former = self.0.store.user(device.project_id, device.user_id).await?;
        if former.is_none_or(|former| former.profile.user_ref.is_some()) {
            return Ok(false);
        }
        let mut job = self.job(device.project_id, device.user_id);
        job.task = Task::Merge(UserMerge {
            project_id: device.project_id,
            from: device.user_id,
            to: user.id,
            device_id: device.id,
            at: self.now(),
            entry: self.entropy().seed(),
        });
        let Some(entry) = self.run(job).await?.handed_over else {
            return Ok(false);
        };
        self.step_inbox(vec![*entry]).await?;
        let input = Input::Device {
            device_id: device.id,
            device: news_of(device),
        };
        self.run(self.step(device.project_id, user.id, input)).await?;
        Ok(true)
    }

    async fn change_hands(&self, device: &DeviceRow, user: &UserRow) -> Result<(), PipelineError> {
        // Another sign-in may have been faster: who holds the device now is asked again.
        let current = self.0.store.device(device.project_id, device.id).await?;
        let device = current.as_ref().unwrap_or(device);
        if device.user_id == user.id {
            return Ok(());
        }
        let mut job = self.job(device.project_id, user.id);
        job.task = Task::Step(Some(Input::Device {
            device_id: device.id,
            device: news_of(device),
        }));
        job.rows.push(Row::Owner {
            device_id: device.id,
            user_id: user.id,
            at: self.now(),
        });
        self.run(job).await?;
        // A crash here leaves the former user with a device that is not theirs: dispatch checks the owner before it speaks.
        self.leave_device(device).await
    }

    /// Signed out: the device belongs to a new anonymous user, who has consented to nothing yet.
    pub async fn sign_out(&self, device: &DeviceRow) -> Result<UserId, PipelineError> {
        let now = self.now();
        let user_id: UserId = self.new_id();
        let mut job = self.job(device.project_id, user_id);
        job.task = Task::Step(Some(Input::Device {
            device_id: device.id,
            device: news_of(device),
        }));
        job.rows.push(Row::User {
            user_id,
            profile: Profile::default(),
            at: now,
        });
        job.rows.push(Row::Owner {
            device_id: device.id,
            user_id,
            at: now,
        });
        self.run(job).await?;
        self.leave_device(device).await?;
        Ok(user_id)
    }

    async fn leave_device(&self, device: &DeviceRow) -> Result<(), PipelineError> {
        let mut job = self.job(device.project_id, device.user_id);
        job.task = Task::Step(Some(Input::DeviceGone(device.id)));
        match self.run(job).await {
            Ok(_) | Err(PipelineError::Erased) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The user's word on one or more purposes; kept for ever, the last one counts.
    pub async fn consent(
        &self,
        project_id: ProjectId,
        user_id: UserId,
        consents: Vec<(Purpose, Consent)>,
        source: &str,
    ) -> Result<(), PipelineError> {
        let mut job = self.job(project_id, user_id);
        job.rows.push(Row::Consents {
            user_id,
            consents: consents.clone(),
            source: source.to_owned(),
        });
        job.task = Task::Step(Some(Input::Consents(consents)));
        self.run(job).await.map(|_| ())
    }

    /// What the business says about a user; makes the user when the name is new.
    pub async fn put_user(
        &self,
        project_id: ProjectId,
        user_ref: &str,
        (profile, contact): (Profile, Contact),
    ) -> Result<UserRow, PipelineError> {
        let now = self.now();
        let (user, _) = self
            .0
            .store
            .user_or_new(project_id, user_ref, self.new_id(), now)
            .await?;
        let user = UserRow { contact, ..user };
        self.with_profile(user, user_ref, profile).await
    }

    /// The profile as given, and the contact as it is in the row.
    async fn with_profile(&self, user: UserRow, user_ref: &str, profile: Profile) -> Result<UserRow, PipelineError> {
        let profile = Profile {
            user_ref: Some(user_ref.to_owned()),
            reached_by: reached_by(&user.contact),
            ..profile
        };
        self.write_profile(user.project_id, user.id, profile.clone(), user.contact.clone())
            .await?;
        let updated_at = self.now();
        Ok(UserRow {
            profile,
            updated_at,
            ..user
        })
    }

    pub(super) async fn write_profile(
        &self,
        project_id: ProjectId,
        user_id: UserId,
        profile: Profile,
        contact: Contact,
    ) -> Result<(), PipelineError> {
        let mut job = self.job(project_id, user_id);
        job.rows.push(Row::User {
            user_id,
            profile: profile.clone(),
            at: self.now(),
        });
        job.rows.push(Row::Contact { user_id, contact });
        job.task = Task::Step(Some(Input::Profile(profile)));
        self.run(job).await.map(|_| ())
    }

    /// Erases a user: everything but a tombstone goes. False when there is no such user.
    pub async fn erase(&self, project_id: ProjectId, user_id: UserId) -> Result<bool, PipelineError> {
        let mut job = self.job(project_id, user_id);
        job.task = Task::Erase;
        let erased = self.run(job).await?.erased;
        self.0.stream.forget(user_id);
        Ok(erased)
    }
}

/// What the engine is to know of a device.
pub(super) fn news_of(device: &DeviceRow) -> DeviceNews {
    DeviceNews {
        platform: device.platform.clone(),
        locale: device.locale.clone(),
        time_zone: device.time_zone.clone(),
        notifications: Some(device.notifications),
        channel: device.push.as_ref().map(|(channel, _)| *channel),
    }
}
