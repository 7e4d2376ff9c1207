//! Connections and their handshakes: which are accepted, what is held, and what ends together.

use super::*;

#[tokio::test]
async fn a_handshake_is_held_while_the_link_is_cut_and_passed_when_it_is_mended() {
    let mut rig = Rig::new().await;
    rig.cut((N1, N2));
    let mut sender = rig.dial((N1, N2)).await;
    sender.send(hello(N1, N2)).await.unwrap();
    // The opposite link is open. A connection on it is complete, so by then the hello, which was sent earlier, has been read.
    rig.connect((N2, N1)).await;
    assert!(rig.ports[&N2].accept().now_or_never().is_none(), "nothing reaches the receiver");
    rig.mend();
    let mut receiver = rig.challenge(&mut sender, (N1, N2)).await;
    // The link is cut in the middle of the handshake.
    rig.cut((N1, N2));
    sender.send(confirmation()).await.unwrap();
    rig.connect((N2, N1)).await;
    assert!(receiver.next().now_or_never().is_none(), "nothing reaches the receiver");
    rig.mend();
    assert_eq!(received(&mut receiver).await, confirmation());
    receiver.send(accepted(N2)).await.unwrap();
    assert_eq!(received(&mut sender).await, accepted(N2));
    sender.send(append(N1, 2, 10)).await.unwrap();
    assert_eq!(received(&mut receiver).await, append(N1, 2, 10));
    rig.counts((N1, N2), FrameFate::Delivered, 1).await;
}

#[tokio::test]
async fn a_held_handshake_ends_with_its_sender() {
    let rig = Rig::new().await;
    rig.cut((N1, N2));
    let mut sender = rig.dial((N1, N2)).await;
    sender.send(hello(N1, N2)).await.unwrap();
    // Closes only one direction, so the sender can still see that the link closes the other.
    sender.get_mut().shutdown().await.unwrap();
    closed(&mut sender).await;
}

#[tokio::test]
async fn a_refusal_closes_the_connection_and_every_new_one_until_it_is_undone() {
    let mut rig = Rig::new().await;
    let (mut sender, mut receiver) = rig.connect((N1, N2)).await;
    let (mut back, mut back_end) = rig.connect((N2, N1)).await;
    rig.refuse((N1, N2));
    closed(&mut sender).await;
    closed(&mut receiver).await;
    for receiver_serves in [true, false] {
        if !receiver_serves {
            rig.presences[&N2].down();
        }
        let mut refused = rig.dial((N1, N2)).await;
        refused.send(hello(N1, N2)).await.unwrap();
        closed(&mut refused).await;
    }
    assert!(rig.ports[&N2].accept().now_or_never().is_none(), "nothing reaches the receiver");
    rig.presences[&N2].starting();
    rig.serve(N2).await;
    closed(&mut back).await;
    drop(back_end);
    (back, back_end) = rig.connect((N2, N1)).await;
    back.send(append(N2, 1, 10)).await.unwrap();
    assert_eq!(received(&mut back_end).await, append(N2, 1, 10), "the way back is another link");
    rig.mend();
    let (mut sender, mut receiver) = rig.connect((N1, N2)).await;
    sender.send(append(N1, 2, 10)).await.unwrap();
    assert_eq!(received(&mut receiver).await, append(N1, 2, 10));
}

#[tokio::test]
async fn with_a_refused_connection_all_is_lost_that_is_on_its_way_and_what_is_held_waits_for_a_new_one() {
    let mut rig = Rig::new().await;
    let (mut sender, _receiver) = rig.connect((N1, N2)).await;
    rig.clock.set(ClockRate::FROZEN, None);
    let next = Matching { next: Some(1), ..Matching::default() };
    let holds_one = Rule { matching: next, ..rule((N1, N2), Effect::Hold) };
    let late = rule((N1, N2), Effect::Delay(Delay::Fixed(Duration::from_secs(1))));
    rig.links.traffic.disturb(FIRST, vec![holds_one, late]);
    sender.send(append(N1, 1, 10)).await.unwrap();
    let held = rig.held(1).await;
    sender.send(append(N1, 2, 10)).await.unwrap();
    let late = rig.under_way(1).await;
    rig.refuse((N1, N2));
    assert_eq!(rig.told(1, |state| matches!(state, MessageState::Lost { .. })).await, late);
    closed(&mut sender).await;
    rig.mend();
    let (_sender, mut receiver) = rig.connect((N1, N2)).await;
    assert_eq!(rig.links.traffic.release(&MessageSelection::Message(held[0])), 1);
    // The clock is frozen: a released message arrives at once.
    assert_eq!(received(&mut receiver).await, append(N1, 1, 10));
}

#[tokio::test]
async fn a_connection_to_a_node_that_is_starting_is_held_until_it_serves() {
    let mut rig = Rig::new().await;
    rig.presences[&N2].down();
    rig.presences[&N2].starting();
    let mut sender = rig.dial((N1, N2)).await;
    sender.send(hello(N1, N2)).await.unwrap();
    rig.serve(N2).await;
    let mut receiver = rig.welcome(&mut sender, (N1, N2)).await;
    sender.send(append(N1, 1, 10)).await.unwrap();
    assert_eq!(received(&mut receiver).await, append(N1, 1, 10));
}

#[tokio::test]
async fn a_dead_receiver_closes_the_dialer_and_its_next_life_gets_the_connection_that_waits() {
    let mut rig = Rig::new().await;
    let (mut sender, receiver) = rig.connect((N1, N2)).await;
    // Both ends of the receiver's side are still there, as with a process that is killed while it is stopped.
    rig.presences[&N2].down();
    closed(&mut sender).await;
    drop(receiver);
    let mut waiting = rig.dial((N1, N2)).await;
    waiting.send(hello(N1, N2)).await.unwrap();
    rig.presences[&N2].starting();
    rig.serve(N2).await;
    let mut receiver = rig.welcome(&mut waiting, (N1, N2)).await;
    waiting.send(append(N1, 2, 10)).await.unwrap();
    assert_eq!(received(&mut receiver).await, append(N1, 2, 10));
}

#[tokio::test]
async fn a_receiver_that_restarts_unseen_closes_the_connections_to_its_former_life() {
    let mut rig = Rig::new().await;
    let (mut sender, _receiver) = rig.connect((N1, N2)).await;
    // All three changes happen before the link gets to see the first.
    rig.presences[&N2].down();
    rig.presences[&N2].starting();
    rig.serve(N2).await;
    closed(&mut sender).await;
    rig.connect((N1, N2)).await;
}

#[tokio::test]
async fn a_dead_sender_closes_the_connection_to_the_receiver() {
    let rig = Rig::new().await;
    let (_sender, mut receiver) = rig.connect((N1, N2)).await;
    rig.presences[&N1].down();
    closed(&mut receiver).await;
}

#[tokio::test]
async fn a_receiver_that_closes_closes_the_sender_after_its_last_answer() {
    let rig = Rig::new().await;
    let mut sender = rig.dial((N1, N2)).await;
    sender.send(hello(N1, N2)).await.unwrap();
    let mut receiver = rig.accept(N2).await;
    received(&mut receiver).await;
    receiver.send(Bytes::from_static(b"go away")).await.unwrap();
    drop(receiver);
    assert_eq!(received(&mut sender).await, b"go away"[..]);
    closed(&mut sender).await;
}

#[tokio::test]
async fn a_receiver_that_refuses_the_connection_closes_the_sender() {
    let mut rig = Rig::new().await;
    // The port is closed, and this has not been reported yet.
    drop(rig.ports.remove(&N2));
    let mut sender = rig.dial((N1, N2)).await;
    sender.send(hello(N1, N2)).await.unwrap();
    closed(&mut sender).await;
}

#[tokio::test]
async fn garbage_is_passed_on_untouched_and_not_counted() {
    let mut rig = Rig::new().await;
    let garbage: [&'static [u8]; 4] =
        [b"GET / HTTP/1.1", b"", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", b"\0"];
    // In place of a hello: it is passed on, so that the receiver can say why it refuses it.
    for frame in garbage {
        let mut sender = rig.dial((N1, N2)).await;
        sender.send(Bytes::from_static(frame)).await.unwrap();
        let mut receiver = rig.accept(N2).await;
        assert_eq!(received(&mut receiver).await, frame);
        drop(receiver);
        closed(&mut sender).await;
    }
    // From a member, after its handshake.
    let (mut sender, mut receiver) = rig.connect((N1, N2)).await;
    for frame in garbage {
        sender.send(Bytes::from_static(frame)).await.unwrap();
    }
    sender.send(append(N1, 1, 10)).await.unwrap();
    for frame in garbage {
        assert_eq!(received(&mut receiver).await, frame);
    }
    assert_eq!(received(&mut receiver).await, append(N1, 1, 10));
    rig.counts((N1, N2), FrameFate::Delivered, 1).await;
}

#[tokio::test]
async fn a_frame_of_a_sender_that_was_not_accepted_is_no_message_whenever_it_comes() {
    let mut rig = Rig::new().await;
    let (mut member, mut member_end) = rig.connect((N1, N2)).await;
    let forged = || append(N1, 999, 10);
    // After the hello, before any answer.
    let mut early = rig.dial((N1, N2)).await;
    early.send(hello(N1, N2)).await.unwrap();
    early.send(forged()).await.unwrap();
    closed(&mut early).await;
    // After a confirmation that the receiver refuses.
    let mut refused = rig.dial((N1, N2)).await;
    refused.send(hello(N1, N2)).await.unwrap();
    let mut end = rig.challenge_any(&mut refused).await;
    refused.send(confirmation()).await.unwrap();
    assert_eq!(received(&mut end).await, confirmation());
    end.send(encode(&HelloReply::Refused(RefusalReason::Token))).await.unwrap();
    received(&mut refused).await;
    refused.send(forged()).await.unwrap();
    let heard = tokio::time::timeout(Duration::from_millis(300), end.next()).await;
    assert!(heard.is_err(), "a refused sender is heard no more: {heard:?}");
    drop(end);
    closed(&mut refused).await;
    // A part of a frame, without a hello.
    let mut half = rig.dial((N1, N2)).await;
    half.get_mut().write_all(&forged()[..10]).await.unwrap();
    half.get_mut().shutdown().await.unwrap();
    closed(&mut half).await;
    member.send(append(N1, 1, 10)).await.unwrap();
    assert_eq!(received(&mut member_end).await, append(N1, 1, 10), "the member's own and no other");
    rig.counts((N1, N2), FrameFate::Delivered, 1).await;
}

#[tokio::test]
async fn a_frame_out_of_turn_while_the_receiver_is_down_closes_the_connection() {
    let rig = Rig::new().await;
    rig.presences[&N2].down();
    let mut sender = rig.dial((N1, N2)).await;
    sender.send(hello(N1, N2)).await.unwrap();
    sender.send(append(N1, 1, 10)).await.unwrap();
    closed(&mut sender).await;
    let waiting = rig.reports().take();
    assert!(!waiting.iter().any(|update| matches!(update, News::Frames { .. })), "it is nobody's message");
}

#[tokio::test]
async fn a_crowd_of_strangers_takes_no_place_from_a_member() {
    let rig = Rig::new().await;
    let (mut member, mut member_end) = rig.connect((N1, N2)).await;
    let mut crowd = Vec::new();
    for _ in 0..4 * crate::link::MAX_STRANGERS {
        crowd.push(rig.dial((N1, N2)).await);
    }
    // The oldest of them are closed to make room.
    closed(&mut crowd[0]).await;
    member.send(append(N1, 1, 10)).await.unwrap();
    assert_eq!(received(&mut member_end).await, append(N1, 1, 10));
}

#[tokio::test]
async fn an_oversized_frame_closes_its_connection_and_harms_no_other() {
    let rig = Rig::new().await;
    let (mut good, mut good_end) = rig.connect((N1, N2)).await;
    let (mut bad, mut bad_end) = rig.connect((N1, N2)).await;
    bad.get_mut().write_all(&u32::MAX.to_be_bytes()).await.unwrap();
    closed(&mut bad).await;
    closed(&mut bad_end).await;
    good.send(append(N1, 1, 10)).await.unwrap();
    assert_eq!(received(&mut good_end).await, append(N1, 1, 10));
}

#[tokio::test]
async fn the_oldest_of_too_many_connections_makes_way() {
    let rig = Rig::new().await;
    let (mut oldest, _oldest_end) = rig.connect((N1, N2)).await;
    let mut others = Vec::new();
    for _ in 0..crate::link::MAX_CONNECTIONS {
        others.push(rig.connect((N1, N2)).await);
    }
    closed(&mut oldest).await;
    let (newest, newest_end) = others.last_mut().unwrap();
    newest.send(append(N1, 1, 10)).await.unwrap();
    assert_eq!(received(newest_end).await, append(N1, 1, 10));
}
