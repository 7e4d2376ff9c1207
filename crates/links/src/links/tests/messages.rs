//! What happens to messages on an established connection.

use super::*;

#[tokio::test]
async fn frames_arrive_whole_and_in_order_and_each_is_counted_once() {
    let mut rig = Rig::new().await;
    let (mut sender, mut receiver) = rig.connect((N1, N2)).await;
    let frames: Vec<Bytes> =
        (1..=500).map(|index| append(N1, index, usize::try_from(index * 97).unwrap())).collect();
    let sent = frames.clone();
    let sending = tokio::spawn(async move {
        for frame in sent {
            sender.send(frame).await.unwrap();
        }
        sender
    });
    for frame in &frames {
        assert!(received(&mut receiver).await == *frame, "a frame was changed or out of order");
    }
    drop(sending.await.unwrap());
    rig.counts((N1, N2), FrameFate::Delivered, 500).await;
    closed(&mut receiver).await;
    let newest = rig.counted.last().unwrap();
    assert_eq!((newest.kind, newest.index), (FrameKind::AppendEntries, Some(LogIndex(500))));
    assert_eq!(rig.counted.iter().map(|report| report.entries).sum::<u64>(), 500);
}

#[tokio::test]
async fn a_cut_link_loses_frames_one_way_only_and_keeps_its_connection() {
    let mut rig = Rig::new().await;
    let (mut there, mut there_end) = rig.connect((N1, N2)).await;
    let (mut back, mut back_end) = rig.connect((N2, N1)).await;
    rig.cut((N1, N2));
    for index in 1..=20 {
        there.send(append(N1, index, 10)).await.unwrap();
        back.send(append(N2, index, 10)).await.unwrap();
        assert_eq!(received(&mut back_end).await, append(N2, index, 10));
    }
    rig.counts((N1, N2), FrameFate::Lost, 20).await;
    rig.counts((N2, N1), FrameFate::Delivered, 20).await;
    rig.mend();
    there.send(append(N1, 21, 10)).await.unwrap();
    assert_eq!(received(&mut there_end).await, append(N1, 21, 10), "lost frames stay lost");
    rig.counts((N1, N2), FrameFate::Delivered, 1).await;
}

#[tokio::test]
async fn a_message_travels_on_a_connection_of_the_data_directory_that_sent_it_and_of_no_other() {
    let mut rig = Rig::new().await;
    let (mut old, old_end) = rig.connect_as((N1, N2), Some(Incarnation([1; 16]))).await;
    rig.links.traffic.disturb(FIRST, vec![rule((N1, N2), Effect::Hold)]);
    old.send(append(N1, 1, 10)).await.unwrap();
    rig.held(1).await;
    // The sender's next life runs on another disk; the receiver closes its connection with the former one.
    let (mut new, mut new_end) = rig.connect_as((N1, N2), Some(Incarnation([2; 16]))).await;
    drop(old_end);
    closed(&mut old).await;
    assert!(rig.links.traffic.undo(FIRST));
    rig.counts((N1, N2), FrameFate::Lost, 1).await;
    new.send(append(N1, 2, 10)).await.unwrap();
    assert_eq!(received(&mut new_end).await, append(N1, 2, 10));
}

#[tokio::test]
async fn a_message_outlives_the_process_that_sent_it_on_the_connection_of_the_next_one() {
    let mut rig = Rig::new().await;
    let disk = Some(Incarnation([1; 16]));
    let (mut old, old_end) = rig.connect_as((N1, N2), disk).await;
    rig.links.traffic.disturb(FIRST, vec![rule((N1, N2), Effect::Hold)]);
    old.send(append(N1, 1, 10)).await.unwrap();
    rig.held(1).await;
    let (_new, mut new_end) = rig.connect_as((N1, N2), disk).await;
    drop(old_end);
    closed(&mut old).await;
    assert!(rig.links.traffic.undo(FIRST));
    assert_eq!(received(&mut new_end).await, append(N1, 1, 10));
}

#[tokio::test]
async fn a_receiver_that_does_not_read_stops_the_sender_and_a_cut_frees_it() {
    const FRAMES: u64 = 1024;
    let mut rig = Rig::new().await;
    let (mut sender, mut receiver) = rig.connect((N1, N2)).await;
    let (progress, mut sent) = watch::channel(0);
    let sending = tokio::spawn(async move {
        for index in 1..=FRAMES {
            sender.send(append(N1, index, 128 << 10)).await.unwrap();
            progress.send_replace(index);
        }
        sender
    });
    // A sender without progress counts as blocked. On a slow machine that may be concluded too early, which makes the test weaker but
    // never wrong.
    while tokio::time::timeout(Duration::from_millis(300), sent.changed()).await.is_ok() {
        assert!(*sent.borrow() < FRAMES, "128 MiB went into the buffers of a link");
    }
    rig.cut((N1, N2));
    let sender = within("the sender is free", sending).await.unwrap();
    drop(sender);
    // What arrives of the frames sent before the cut is whole and in order; then the connection ends.
    let mut delivered = 0;
    while let Some(frame) = within("a frame", receiver.next()).await {
        delivered += 1;
        assert!(
            frame.unwrap() == append(N1, delivered, 128 << 10),
            "frame {delivered} was changed or out of order"
        );
    }
    rig.counts((N1, N2), FrameFate::Delivered, delivered).await;
    rig.counts((N1, N2), FrameFate::Lost, FRAMES - delivered).await;
}

#[tokio::test]
async fn a_delayed_message_outlives_its_sender_and_one_that_was_not_read_yet_dies_with_its_receiver() {
    let mut rig = Rig::new().await;
    let (mut sender, mut receiver) = rig.connect((N1, N2)).await;
    rig.links.traffic.disturb(FIRST, vec![rule((N1, N2), Effect::Hold)]);
    sender.send(append(N1, 1, 10)).await.unwrap();
    let held = rig.held(1).await;
    rig.presences[&N1].down();
    closed(&mut sender).await;
    assert_eq!(rig.links.traffic.release(&MessageSelection::Message(held[0])), 1);
    assert_eq!(received(&mut receiver).await, append(N1, 1, 10));
    closed(&mut receiver).await;

    rig.presences[&N1].starting();
    rig.serve(N1).await;
    let (mut sender, receiver) = rig.connect((N1, N2)).await;
    sender.send(append(N1, 2, 10)).await.unwrap();
    rig.held(1).await;
    rig.presences[&N2].down();
    rig.counts((N1, N2), FrameFate::Lost, 1).await;
    drop(receiver);
}

#[tokio::test]
async fn what_was_held_before_its_sender_restarted_arrives_on_its_new_connection() {
    let mut rig = Rig::new().await;
    let (mut sender, _former) = rig.connect((N1, N2)).await;
    rig.links.traffic.disturb(FIRST, vec![rule((N1, N2), Effect::Hold)]);
    sender.send(append(N1, 1, 10)).await.unwrap();
    rig.held(1).await;
    rig.presences[&N1].down();
    closed(&mut sender).await;
    rig.presences[&N1].starting();
    rig.serve(N1).await;
    let (mut sender, mut receiver) = rig.connect((N1, N2)).await;
    assert!(rig.links.traffic.undo(FIRST));
    assert_eq!(received(&mut receiver).await, append(N1, 1, 10));
    sender.send(append(N1, 2, 10)).await.unwrap();
    assert_eq!(received(&mut receiver).await, append(N1, 2, 10));
}

#[tokio::test]
async fn handshakes_pass_in_a_frozen_world_and_messages_do_not() {
    let mut rig = Rig::new().await;
    rig.clock.set(ClockRate::FROZEN, None);
    let (mut sender, mut receiver) = rig.connect((N1, N2)).await;
    sender.send(append(N1, 1, 10)).await.unwrap();
    sender.send(append(N1, 2, 10)).await.unwrap();
    let (mut other, mut other_end) = rig.connect((N2, N1)).await;
    other.send(append(N2, 1, 10)).await.unwrap();
    rig.under_way(3).await;
    assert!(receiver.next().now_or_never().is_none());
    assert!(rig.links.traffic.deliver_oldest().is_some());
    assert_eq!(received(&mut receiver).await, append(N1, 1, 10));
    rig.clock.set(ClockRate::REAL, None);
    assert_eq!(received(&mut receiver).await, append(N1, 2, 10));
    assert_eq!(received(&mut other_end).await, append(N2, 1, 10));
}

#[tokio::test]
async fn a_delay_takes_as_long_as_asked() {
    const DELAY: Duration = Duration::from_millis(40);
    let rig = Rig::new().await;
    let (mut sender, mut receiver) = rig.connect((N1, N2)).await;
    rig.links.traffic.disturb(FIRST, vec![rule((N1, N2), Effect::Delay(Delay::Fixed(DELAY)))]);
    let mut late = Vec::new();
    for index in 1..=15 {
        let sent = std::time::Instant::now();
        sender.send(append(N1, index, 10)).await.unwrap();
        received(&mut receiver).await;
        let took = sent.elapsed();
        late.push(took.checked_sub(DELAY).expect("nothing arrives too early"));
    }
    // A busy machine is late at times, never early.
    let least = late.iter().min().unwrap();
    assert!(*least < Duration::from_millis(1), "late by {late:?}");
}
