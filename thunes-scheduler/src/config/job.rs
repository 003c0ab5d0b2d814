//! A table `[[job]]`.

use super::table::{Table, nearest_of};
use super::{ConfigError, JOBS, JobSettings};
use crate::engine::Trigger;

/// Reads the table.
pub(super) fn read(table: &Table<'_, '_>) -> Result<JobSettings, ConfigError> {
    table.accept(&["name", "every", "daily", "cron", "timeout", "jitter"])?;
    let name = table.needed("name", table.text("name")?)?;
    let known = JOBS.into_iter().find(|job| *job == name);
    let name = known.ok_or_else(|| ConfigError::UnknownJob {
        at: table.place("name"),
        name: name.to_owned(),
        nearest: nearest_of(name, &JOBS),
    })?;
    Ok(JobSettings {
        name,
        trigger: trigger_of(table, name)?,
        timeout: table.duration("timeout")?,
        jitter: table.duration("jitter")?,
    })
}

fn trigger_of(table: &Table<'_, '_>, job: &'static str) -> Result<Option<Trigger>, ConfigError> {
    let every = table
        .duration("every")?
        .map(|every| ("every", Trigger::every(every)));
    let daily = table
        .text("daily")?
        .map(|daily| ("daily", Trigger::daily(daily)));
    let cron = table
        .text("cron")?
        .map(|cron| ("cron", Trigger::cron(cron)));
    let mut given = [every, daily, cron].into_iter().flatten();
    let trigger = given.next();
    if let Some((key, _)) = given.next() {
        let at = table.place(key);
        return Err(ConfigError::Triggers { at, job });
    }
    trigger
        .map(|(key, trigger)| {
            let at = table.place(key);
            trigger.map_err(|source| ConfigError::Trigger { at, job, source })
        })
        .transpose()
}
