//! The writer thread on a disk that fails, fills up and loses power.

use super::*;
use crate::persist::disk::{Disk, read_file};
use crate::persist::folder::AofNames;
use crate::persist::testing::{FakeDisk, Image, fake};

fn folder(disk: &FakeDisk) -> AofFolder {
    let names = AofNames { dir: "/".into(), folder: "aof".into(), stem: "log".into() };
    AofFolder::open(Arc::new(disk.clone()), names).unwrap()
}

fn start(disk: &FakeDisk, policy: Policy) -> AofWriter {
    let options = WriterOptions { policy, retry: Duration::from_millis(1) };
    AofWriter::start(folder(disk), Begin::Last, options, Arc::new(|| ())).unwrap()
}

/// What the next start would load.
fn contents(disk: &FakeDisk) -> String {
    let folder = folder(disk);
    let read = |file: &crate::persist::manifest::LogFile| {
        String::from_utf8(read_file(disk, &folder.names().path(&file.name), 1 << 20).unwrap()).unwrap()
    };
    folder.manifest().files().map(read).collect::<Vec<_>>().concat()
}

/// Waits until a condition holds; the thread's work is what makes it so.
fn until(mut condition: impl FnMut() -> bool) {
    let began = std::time::Instant::now();
    while !condition() {
        assert!(began.elapsed() < Duration::from_secs(20), "it never came to pass");
        std::thread::yield_now();
    }
}

#[test]
fn always_makes_everything_durable_in_order_and_tells() {
    let disk = fake();
    let told = Arc::new(AtomicU64::new(0));
    let counter = told.clone();
    let notify: Notify = Arc::new(move || {
        counter.fetch_add(1, Ordering::Relaxed);
    });
    let options = WriterOptions::new(Policy::Always);
    let mut writer = AofWriter::start(folder(&disk), Begin::Last, options, notify).unwrap();
    let mut expected = String::new();
    for number in 0..1000 {
        let text = format!("{number},");
        expected.push_str(&text);
        assert_eq!(writer.append(text.into_bytes()), expected.len() as u64);
    }
    // It tells, and lets go of the last bytes, after it has said that they are durable.
    until(|| writer.durable_offset() == writer.appended_offset());
    until(|| told.load(Ordering::Relaxed) > 0 && writer.queued_bytes() == 0);
    assert_eq!(contents(&disk.after_crash(Image::Synced)), expected);
    assert_eq!(writer.total_bytes(), expected.len() as u64);
    assert!(writer.take_notes()[0].text.starts_with("Creating AOF incr file log.1.incr.aof"));
}

#[test]
fn never_syncs_only_when_asked_and_when_drained() {
    let disk = fake();
    let mut writer = start(&disk, Policy::Never);
    let end = writer.append(b"one,".to_vec());
    assert_eq!(writer.wait(end, Until::Written), Status::Ok);
    assert_eq!(writer.durable_offset(), 0);
    assert_eq!(writer.wait(end, Until::Durable), Status::Ok);
    assert_eq!(contents(&disk.after_crash(Image::Synced)), "one,");
    writer.append(b"two".to_vec());
    assert_eq!(writer.close(true), Status::Ok);
    assert_eq!(contents(&disk.after_crash(Image::Synced)), "one,two");
}

#[test]
fn every_second_syncs_once_the_second_has_passed() {
    let disk = fake();
    let mut writer = start(&disk, Policy::EverySecond);
    let end = writer.append(b"one,".to_vec());
    writer.wait(end, Until::Written);
    disk.pass(Duration::from_secs(1));
    let end = writer.append(b"two".to_vec());
    until(|| writer.durable_offset() == end);
    assert_eq!(contents(&disk.after_crash(Image::Synced)), "one,two");
}

#[test]
fn a_full_disk_is_told_and_heals_without_loss() {
    for policy in [Policy::Always, Policy::EverySecond, Policy::Never] {
        let disk = fake();
        let mut writer = start(&disk, policy);
        disk.room(Some(10));
        for text in ["aaaa", "bbbb", "cccc", "dddd"] {
            writer.append(text.into());
        }
        until(|| writer.status() == Status::WriteFailed(libc::ENOSPC));
        writer.append(b"eeee".to_vec());
        assert_eq!(contents(&disk.after_crash(Image::Everything)), "aaaabbbb");
        assert_eq!(writer.queued_bytes(), 12);
        disk.room(None);
        until(|| writer.status() == Status::Ok && writer.queued_bytes() == 0);
        let notes = writer.take_notes();
        let warned = notes.iter().filter(|note| note.text.contains("No space left on device")).count();
        assert_eq!(warned, 1, "{notes:?}");
        assert!(notes.iter().any(|note| note.text == "AOF write error looks solved, Redis can write again."));
        assert_eq!(writer.close(true), Status::Ok);
        assert_eq!(contents(&disk.after_crash(Image::Synced)), "aaaabbbbccccddddeeee");
    }
}

#[test]
fn a_failed_sync_is_told_and_heals_without_loss() {
    let disk = fake();
    let mut writer = start(&disk, Policy::Always);
    let end = writer.append(b"one,".to_vec());
    until(|| writer.durable_offset() == end);
    disk.fail_syncs(Some(libc::EIO));
    writer.append(b"two,".to_vec());
    until(|| writer.status() == Status::SyncFailed(libc::EIO));
    let last = writer.append(b"three".to_vec());
    assert_eq!(writer.durable_offset(), end);
    disk.fail_syncs(None);
    until(|| writer.durable_offset() == last && writer.status() == Status::Ok);
    assert_eq!(contents(&disk.after_crash(Image::Synced)), "one,two,three");
}

#[test]
fn a_close_does_not_wait_for_a_disk_that_fails() {
    let disk = fake();
    let mut writer = start(&disk, Policy::Always);
    disk.fail_writes(Some(libc::EIO));
    writer.append(b"lost".to_vec());
    assert_eq!(writer.close(true), Status::WriteFailed(libc::EIO));
}

#[test]
fn a_switch_takes_effect_between_two_appends() {
    let disk = fake();
    let mut writer = start(&disk, Policy::Always);
    writer.append(b"one,".to_vec());
    let switched = writer.switch();
    let end = writer.append(b"two".to_vec());
    until(|| writer.durable_offset() == end);
    assert_eq!(switched.take().unwrap().unwrap().name, "log.2.incr.aof");
    assert_eq!(disk.bytes("/aof/log.1.incr.aof").unwrap(), b"one,");
    assert_eq!(disk.bytes("/aof/log.2.incr.aof").unwrap(), b"two");
    disk.put("/temp", b"ONE,");
    let installed = writer.install("/temp".into(), BaseFormat::Rdb, false);
    let mut found = None;
    until(|| {
        found = installed.take();
        found.is_some()
    });
    let installed = found.unwrap().unwrap();
    assert_eq!(installed.name, "log.1.base.rdb");
    assert_eq!(installed.notes[0].text, "Removing the history file log.1.incr.aof in the background");
    assert_eq!((writer.base_bytes(), writer.total_bytes()), (7, 7));
    assert_eq!(contents(&disk.after_crash(Image::Synced)), "ONE,two");
}

#[test]
fn a_log_that_waits_for_its_base_drops_what_the_base_will_hold() {
    let disk = fake();
    let options = WriterOptions { policy: Policy::Always, retry: Duration::from_millis(1) };
    let mut writer = AofWriter::start(folder(&disk), Begin::Waiting, options, Arc::new(|| ())).unwrap();
    let end = writer.append(b"one,".to_vec());
    until(|| writer.durable_offset() == end);
    writer.switch();
    let end = writer.append(b"two".to_vec());
    until(|| writer.durable_offset() == end);
    assert_eq!(contents(&disk.after_crash(Image::Synced)), "");
    disk.put("/temp", b"ONE,");
    writer.install("/temp".into(), BaseFormat::Rdb, false);
    writer.append(b",three".to_vec());
    assert_eq!(writer.close(true), Status::Ok);
    assert_eq!(contents(&disk.after_crash(Image::Synced)), "ONE,two,three");
    assert!(!disk.exists("/aof/temp-log.incr".as_ref()));
}

/// The plug is pulled at every tick of a run of appends and a rewrite. What was reported durable must be there, in
/// order, and nothing that was not appended.
#[test]
fn nothing_acknowledged_is_lost_wherever_the_plug_is_pulled() {
    let before = fake();
    drop(start(&before, Policy::Always));
    for tick in 0.. {
        let disk = before.after_crash(Image::Synced);
        disk.put("/temp", b"0,1,2,3,");
        disk.crash_at(tick);
        let Ok(mut writer) = std::panic::catch_unwind(|| start(&disk, Policy::Always)) else { continue };
        let mut text = String::new();
        let mut acknowledged = 0;
        for number in 0..8 {
            if number == 4 {
                writer.switch();
            }
            if number == 6 {
                writer.install("/temp".into(), BaseFormat::Aof, false);
            }
            text.push_str(&format!("{number},"));
            let end = writer.append(format!("{number},").into_bytes());
            until(|| writer.durable_offset() == end || disk.crashed());
            acknowledged = acknowledged.max(writer.durable_offset() as usize);
        }
        let crashed = disk.crashed();
        drop(writer);
        for image in Image::ALL {
            let found = contents(&disk.after_crash(image));
            // A torn record at the end is cut off by the loader.
            let fine = text.starts_with(&found) && found.len() >= acknowledged;
            assert!(fine, "tick {tick}, {image:?}: {found} but {acknowledged} of {text} are acknowledged");
        }
        if !crashed {
            break;
        }
    }
}
