//! The TUN as a device: its name, its offloads, its life.

use super::*;
use crate::lab::{attempt, run};
use flowpin::ports::meter::Reading;
use flowpin::ports::tun::TunDevice;

#[test]
fn a_tun_lives_as_long_as_its_maker_and_names_what_the_kernel_granted() {
    let router = namespace("rt");
    let tun = router.run(|| TunDevice::create("fp0", 2)).unwrap().unwrap();
    let text = run(&router, "ip", &["-d", "link", "show", "fp0"]);
    assert!(text.contains("tun type tun pi off vnet_hdr on"), "{text}");
    assert!(text.contains("multi_queue numqueues 2"), "{text}");
    assert!(text.starts_with(&format!("{}: fp0:", tun.index())), "{text}");
    assert_eq!(tun.offloads(), ["csum", "tso4", "tso6", "tso_ecn", "uso4", "uso6"]);
    assert!(tun.open(2, &Arc::default()).is_none());
    let port = tun.open(1, &Arc::default());
    drop(tun);
    assert!(attempt(&router, "ip", &["link", "show", "fp0"]).0, "a port keeps it");
    drop(port);
    assert!(!attempt(&router, "ip", &["link", "show", "fp0"]).0);
}

#[test]
fn a_name_that_is_taken_is_refused_whoever_has_it() {
    let router = namespace("rt");
    let expected = "a link named \"fp0\" exists already; remove it, or give flowpin's TUN another name";
    let first = router.run(|| TunDevice::create("fp0", 1)).unwrap().unwrap();
    let second = router.run(|| TunDevice::create("fp0", 1)).unwrap().unwrap_err();
    assert_eq!(second.to_string(), expected);
    drop(first);
    run(&router, "ip", &["tuntap", "add", "fp0", "mode", "tun", "multi_queue"]);
    let third = router.run(|| TunDevice::create("fp0", 1)).unwrap().unwrap_err();
    assert_eq!(third.to_string(), expected);
}

#[test]
fn a_tun_that_is_down_refuses_frames_and_one_that_is_gone_breaks() {
    let router = namespace("rt");
    let tun = router.run(|| TunDevice::create("fp0", 1)).unwrap().unwrap();
    let meter = Arc::default();
    let (mut receive, mut transmit) = tun.open(0, &meter).unwrap();
    let mut packet = vec![0x45, 0, 0, 20, 0, 0, 0, 0, 64, 17, 0, 0, 198, 18, 0, 1, 198, 18, 0, 2];
    let mut send = || {
        let mut buffer = laid_out(&[], &packet);
        let mut batch = Batch::new();
        let mut frame = outgoing(&mut buffer, 0, Offload::NONE);
        frame.disposition = Disposition::Send(End::Inside);
        batch.push(frame);
        packet[8] -= 1;
        transmit.transmit(&batch, End::Inside)
    };
    send().unwrap();
    assert_eq!(meter.read(), Reading { refused: 1, ..Reading::default() });
    run(&router, "ip", &["link", "set", "fp0", "up"]);
    send().unwrap();
    assert_eq!(meter.read(), Reading { refused: 1, sent: 1, ..Reading::default() });
    receive.receive(&mut Batch::new()).unwrap();
    run(&router, "ip", &["link", "del", "fp0"]);
    assert!(send().unwrap_err().to_string().contains("os error 77"));
    assert!(receive.receive(&mut Batch::new()).unwrap_err().to_string().contains("os error 77"));
}
