//! Claims about disks that fail, cut short or are full.

use super::*;

// faults 44, 45 and 46
#[test]
fn any_failing_call_costs_only_the_record_it_failed_for() {
    let calls = [Call::Create, Call::Allocate, Call::Write, Call::SyncDir, Call::Rename];
    let errors = [Errno::NOSPC, Errno::IO, Errno::ROFS];
    for call in calls {
        for errno in errors {
            for repeats in 1..4 {
                let root = tempfile::tempdir().unwrap();
                let script = Arc::new(Script::default());
                let disk = Disk::scripted(&script);
                let mut writer = open(root.path(), Options { disk, ..options() });
                append_through(&mut writer, 30);
                for _ in 0..repeats {
                    script.push(call, Fault::Fail(errno.raw_os_error()));
                }
                append_through(&mut writer, 200);
                script.clear();
                append_through(&mut writer, 260);
                assert_exact(root.path(), 260);
                writer.close().unwrap();
                assert_exact(root.path(), 260);
            }
        }
    }
}

// fault 44
#[test]
fn short_writes_and_interrupts_are_completed() {
    for written in [1, 19, 20, 21, 27] {
        let root = tempfile::tempdir().unwrap();
        let script = Arc::new(Script::default());
        let mut writer = open(root.path(), Options { disk: Disk::scripted(&script), ..options() });
        script.push(Call::Write, Fault::Short(written));
        script.push(Call::Write, Fault::Fail(Errno::INTR.raw_os_error()));
        assert_eq!(append_through(&mut writer, 10), 0);
        assert_eq!(script.remaining(), 0);
        assert_exact(root.path(), 10);
    }
}

// fault 44: the disk fails in the middle of a frame, wherever that is; readers see it whole or not at all.
#[test]
fn a_frame_cut_by_an_error_is_void_and_its_sequence_is_used_again() {
    for written in 0..frame::padded(10) {
        let root = tempfile::tempdir().unwrap();
        let script = Arc::new(Script::default());
        let mut writer = open(root.path(), Options { disk: Disk::scripted(&script), ..options() });
        // Also as the first record of its segment, where the successor needs the same file name.
        for number in [1, 2] {
            let mut reader = Reader::open(root.path());
            let before = reader.poll(100, Duration::ZERO).unwrap().len() as u64;
            assert_eq!(before, number - 1);
            if 0 < written {
                script.push(Call::Write, Fault::Short(written));
            }
            script.push(Call::Write, Fault::Fail(Errno::IO.raw_os_error()));
            writer.append(b"refused").unwrap_err();
            assert_eq!(reader.poll(100, Duration::ZERO).unwrap(), []);
            assert_eq!(writer.append(&payload(number)).unwrap(), number);
            let found = reader.poll(100, Duration::from_secs(20)).unwrap();
            assert_eq!(found.iter().map(|it| it.bytes.to_vec()).collect::<Vec<_>>(), [payload(number)]);
        }
        assert_exact(root.path(), 2);
    }
}

#[test]
fn a_batch_cut_by_an_error_says_which_records_are_recorded() {
    let root = tempfile::tempdir().unwrap();
    let script = Arc::new(Script::default());
    let mut writer = open(root.path(), Options { disk: Disk::scripted(&script), ..options() });
    for _ in 0..4 {
        writer.stage_with(|sequence, out| out.extend(payload(sequence))).unwrap();
    }
    let two_and_a_bit = frame::padded(payload(1).len()) + frame::padded(payload(2).len()) + 5;
    script.push(Call::Write, Fault::Short(two_and_a_bit));
    script.push(Call::Write, Fault::Fail(Errno::NOSPC.raw_os_error()));
    let error = writer.commit().unwrap_err();
    assert!(matches!(error, AppendError::Write { recorded_through: 2, .. }), "{error:?}");
    append_through(&mut writer, 6);
    assert_exact(root.path(), 6);
}

// fault 45: less room than a segment, but some.
#[test]
fn a_nearly_full_disk_gets_smaller_segments() {
    let root = tempfile::tempdir().unwrap();
    let script = Arc::new(Script::default());
    script.push(Call::Allocate, Fault::Fail(Errno::NOSPC.raw_os_error()));
    let mut writer = open(root.path(), Options { disk: Disk::scripted(&script), ..options() });
    assert!(writer.is_writable());
    append_through(&mut writer, 40);
    assert_exact(root.path(), 40);
}

// fault 45 at boot
#[test]
fn a_disk_that_is_full_at_the_start_does_not_prevent_the_start() {
    for call in [Call::MakeDir, Call::SyncDir, Call::Create, Call::Allocate, Call::Write] {
        let root = tempfile::tempdir().unwrap();
        let script = Arc::new(Script::default());
        // A segment may be smaller where there is no room for a whole one, so that its refusal must be another.
        let errno = if call == Call::Allocate { Errno::ROFS } else { Errno::NOSPC };
        script.push(call, Fault::Fail(errno.raw_os_error()));
        let mut writer = open(root.path(), Options { disk: Disk::scripted(&script), ..options() });
        assert!(!writer.is_writable(), "{call:?}");
        append_through(&mut writer, 3);
        assert_exact(root.path(), 3);
    }
}
