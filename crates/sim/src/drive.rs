//! A process's turn: takes in what waits, asks the replica what follows, and carries that out, as the real node's
//! driver does.

use crate::client::{MemberAnswer, MemberRequest};
use crate::event::Event;
use crate::message::MessageRecord;
use crate::node::{DiskJob, Filing, INBOX, Input, MemberFate, Process, Requester};
use crate::outside::Outward;
use crate::rare::replaced;
use crate::record::What;
use crate::rules::{CAP, DISK, FOREIGN, LEASE, MATCH, READ_BACK, counted};
use crate::world::World;
use raftdeck_check::Observation;
use raftdeck_protocol::{PeerFrame, frame};
use raftdeck_raft::{
    Entry, Envelope, LogId, Membership, Message, NodeId, Payload, Role, Sender, Term, Timestamp, TraceEvent,
};
use raftdeck_replica::Outputs;
use std::collections::BTreeMap;

impl World<'_> {
    pub(crate) fn deliver(&mut self, from: Sender, to: NodeId, message: Box<Message>) {
        self.stats.messages += 1;
        self.show(Some(to), || What::Received { from: from.id.0, message: MessageRecord::new(&message) });
        let node = self.node(to);
        if let Some(process) = &mut node.process
            && process.inbox.len() < INBOX
        {
            process.inbox.push(Input::Message(from, message));
            self.turn_soon(to);
        }
    }

    /// A turn comes soon, with everything that arrives until then.
    pub(crate) fn turn_soon(&mut self, id: NodeId) {
        let takes = 20 + self.rng.below(200);
        let at = self.now + self.paced(takes);
        let node = self.node(id);
        let (life, paused) = (node.life, node.paused);
        if let Some(process) = &mut node.process
            && !paused
            && !std::mem::replace(&mut process.turn_due, true)
        {
            self.queue.at(at, Event::Turn { node: id, life });
        }
    }

    pub(crate) fn give(&mut self, id: NodeId, input: Input) {
        if let Some(process) = &mut self.node(id).process {
            process.inbox.push(input);
            self.turn_soon(id);
        }
    }

    pub(crate) fn wake(&mut self, id: NodeId, life: u32) {
        let now = self.now;
        if let Some(process) = self.process(id, life)
            && process.wakes_at <= now
        {
            process.wakes_at = u64::MAX;
            self.turn_soon(id);
        }
    }

    pub(crate) fn turn(&mut self, id: NodeId, life: u32) {
        let at = self.now;
        let node = self.node(id);
        if node.life != life || node.paused {
            return;
        }
        let (now, wall) = (node.clock.now(at), node.clock.wall(at));
        let Some(process) = &mut node.process else { return };
        process.turn_due = false;
        let was_stopped = now.since(process.expects) > process.tuning.timing.election_min;
        let inputs = std::mem::take(&mut process.inbox);
        self.in_turn = Some(id);
        let process = self.node(id).process.as_deref_mut().expect("invariant: it was there a moment ago");
        if was_stopped {
            process.replica.handle_pause(now);
        }
        // A state that takes the place of another must not come between entries and their application.
        let (states, others): (Vec<_>, Vec<_>) =
            inputs.into_iter().partition(|input| matches!(input, Input::Received(..)));
        for input in states.into_iter().chain(others) {
            self.take_in(id, input, now, wall);
        }
        self.go_on(id, now);
        self.in_turn = None;
    }

    fn take_in(&mut self, id: NodeId, input: Input, now: Timestamp, wall: raftdeck_protocol::kv::LoggedTime) {
        let at = self.now;
        let Some(process) = self.node(id).process.as_deref_mut() else { return };
        let Process { replica, .. } = process;
        match input {
            Input::Message(from, message) => {
                process.story.hears(from, &message, now);
                let before =
                    process.story.is_foreign(from, &message).then(|| counted(&process.replica.status(now)));
                let known =
                    if process.is_late(from.id, &message) { process.matches(now) } else { BTreeMap::new() };
                process.replica.handle_message(from, *message, now);
                if before.is_some_and(|before| before != counted(&process.replica.status(now))) {
                    let disk = from.incarnation.map_or_else(String::new, |disk| format!(" on disk {disk}"));
                    let sentence = format!("an answer of {}{disk} counts at {id}", from.id);
                    self.judge.accuse(FOREIGN, at, sentence);
                    return;
                }
                let after = if known.is_empty() { BTreeMap::new() } else { process.matches(now) };
                for (peer, matched) in known {
                    if let Some(less) = after.get(&peer).filter(|after| **after < matched) {
                        let sentence =
                            format!("{id} lowers the match index of {peer} from {matched} to {less}");
                        self.judge.accuse(MATCH, at, sentence);
                    }
                }
            }
            Input::Ask { client, attempt, ask } => {
                self.note_asked(id, &ask);
                let Some(process) = self.node(id).process.as_deref_mut() else { return };
                let token = process.token(Requester::Client { client, attempt });
                process.took_write =
                    process.story.role == Role::Leader && !matches!(*ask, MemberRequest::Read(..));
                let replica = &mut process.replica;
                match *ask {
                    MemberRequest::Open => replica.open_session(token, wall),
                    MemberRequest::Write(write) => replica.write(token, write, wall),
                    MemberRequest::Session(write) => replica.session_write(token, write, wall),
                    MemberRequest::Named(write) => replica.named_write(token, write, wall),
                    MemberRequest::Read(read, consistency) => replica.read(token, read, consistency, now),
                    MemberRequest::Change(changes) => replica.change_membership(token, &changes, now),
                    MemberRequest::Transfer(to) => replica.transfer_leadership(token, to, now),
                }
            }
            Input::Cancel { client, attempt } => {
                let gone = Requester::Client { client, attempt };
                let token = process.waiting.iter().find(|(_, waiting)| **waiting == gone).map(|(t, _)| *t);
                if let Some(token) = token {
                    process.waiting.remove(&token);
                    process.replica.cancel(token);
                }
            }
            Input::Change(changes) => {
                let token = process.token(Requester::Operator);
                process.replica.change_membership(token, &changes, now);
            }
            Input::Transfer(to) => {
                let token = process.token(Requester::Operator);
                process.replica.transfer_leadership(token, to, now);
            }
            Input::Campaign => replica.campaign(now),
            Input::Tune(tuning) => {
                replica.tune(tuning, now).expect("invariant: the simulator's tunings are valid");
                process.tuning = tuning;
            }
            Input::TakeSnapshot => process.snapshot_asked = true,
            Input::Durable { tickets, then_send } => {
                for ticket in tickets {
                    replica.handle_persisted(ticket, now);
                }
                for envelope in then_send {
                    self.effect(id, |world| world.transmit(id, envelope));
                }
            }
            Input::Saved(meta, size) => {
                process.is_saving = false;
                replica.handle_snapshot_saved(meta, size);
                let in_use = replica.snapshots_in_use();
                self.effect(id, |world| world.file(id, Filing::RemoveUnused { in_use }));
            }
            Input::Received(image, size) => {
                replica.handle_snapshot_received(*image, size, now);
                let in_use = replica.snapshots_in_use();
                self.effect(id, |world| world.file(id, Filing::RemoveUnused { in_use }));
            }
            Input::Discarded(last, why) => replica.handle_snapshot_discarded(last, why),
            Input::ReadBack(entries) => {
                let status = process.replica.status(now);
                process.replaced.extend(replaced(&status, &entries).map(|id| (status.term, id)));
                process.replica.handle_entries_read(entries);
            }
            Input::Disconnected(peer) => replica.handle_disconnected(peer, now),
        }
    }

    /// The rest of a turn: the timer, and everything that was decided.
    pub(crate) fn go_on(&mut self, id: NodeId, now: Timestamp) {
        let is_small = self.setup.config.max_uncommitted_bytes < 1 << 20;
        let Some(process) = self.node(id).process.as_deref_mut() else { return };
        if now >= process.replica.next_deadline() {
            process.replica.handle_deadline(now);
        }
        let outputs = process.replica.take_outputs(now);
        let appended = |event: &TraceEvent| matches!(event, TraceEvent::Appended { .. });
        let took = process.took_write && outputs.trace.iter().any(appended);
        process.took_write = false;
        let has_more = process.replica.has_more();
        self.carry_out(id, outputs);
        if took && is_small {
            self.hold_against_cap(id);
        }
        if let Some(process) = &mut self.node(id).process {
            process.story.rests();
        }
        self.save_snapshot(id);
        self.late_ones_come(id);
        self.replaced_ones_come(id);
        self.set_timer(id, now);
        if has_more {
            self.turn_soon(id);
        }
        self.put_out(|| Outward::Stirred(id));
    }

    fn carry_out(&mut self, id: NodeId, outputs: Outputs) {
        // The changes are not reported to watchers here: their order is that of the log, which is judged.
        let Outputs {
            persist,
            send,
            pieces_to_send,
            pieces_received,
            entries_to_read,
            replies,
            changes: _,
            trace,
        } = outputs;
        self.tell(id, trace);
        self.hold_against_log(id, &send);
        for write in persist {
            self.effect(id, |world| world.ask_disk(id, DiskJob::Write(write)));
        }
        for entries in entries_to_read {
            self.effect(id, |world| world.ask_disk(id, DiskJob::Read(entries)));
        }
        for envelope in send {
            self.effect(id, |world| world.transmit(id, envelope));
        }
        for piece in pieces_to_send {
            self.effect(id, |world| world.file(id, Filing::Read(piece)));
        }
        for piece in pieces_received {
            self.effect(id, |world| {
                world.file(id, Filing::Receive(piece));
            });
        }
        for (token, body) in replies {
            self.note_answer(id, &body);
            self.effect(id, |world| {
                let waiting = world.node(id).process.as_mut().and_then(|p| p.waiting.remove(&token));
                if let Some(Requester::Client { client, attempt }) = waiting {
                    world.reply(id, (client, attempt), MemberAnswer::Body(body));
                }
            });
        }
    }

    /// Carries out one effect, unless the process ends before it.
    fn effect(&mut self, id: NodeId, effect: impl FnOnce(&mut Self)) {
        let Some(process) = &mut self.node(id).process else { return };
        if let Some(doom) = &mut process.doom {
            if doom.effects == 0 {
                let doom = *doom;
                self.crash(id, doom);
                return;
            }
            doom.effects -= 1;
        }
        effect(self);
    }

    /// Tells all observers what happened at a member.
    fn tell(&mut self, id: NodeId, trace: Vec<TraceEvent>) {
        let at = self.now;
        for event in trace {
            self.hash.trace(id, &event);
            self.show(Some(id), || What::Told { what: event.clone() });
            self.count(id, &event);
            self.note_rare(id, &event);
            self.hold_against_disks(id, &event);
            self.hold_against_rules(id, &event);
            if let TraceEvent::RoleChanged { to: Role::Leader, term, .. } = &event {
                self.hold_against_leases(id, *term);
            }
            self.put_out(|| Outward::Told(id, event.clone()));
            self.judge.trace(at, id, event);
        }
        let is_other_disk = self.is_on_another_disk(id);
        if let Some(process) = &mut self.node(id).process {
            process.memory.was_on_another_disk = is_other_disk;
        }
        if let Some(process) = &mut self.node(id).process
            && process.replica.applied().index != process.judged
        {
            process.judged = process.replica.applied().index;
            let (applied, hash) = (process.judged, process.replica.state_hash());
            self.judge.state(at, id, applied, hash);
        }
    }

    /// A vote, also for itself, of a member whose cluster knows it on another disk, or that belongs to no cluster: before this
    /// turn and after it, as the membership may change within.
    fn hold_against_disks(&mut self, id: NodeId, event: &TraceEvent) {
        let votes = matches!(
            event,
            TraceEvent::VoteGranted { pre_vote: false, .. }
                | TraceEvent::ElectionStarted { pre_vote: false, .. }
        );
        let was = self.node(id).process.as_ref().is_some_and(|process| process.memory.was_on_another_disk);
        if votes && was && self.is_on_another_disk(id) {
            self.judge.accuse(
                DISK,
                self.now,
                format!("{id} votes with a disk that is not in its membership"),
            );
        }
    }

    fn is_on_another_disk(&mut self, id: NodeId) -> bool {
        let node = self.node(id);
        let Some(process) = &node.process else { return false };
        let membership = process.replica.membership();
        *membership == Membership::default() || !membership.knows_as(id, Some(node.incarnation))
    }

    fn hold_against_rules(&mut self, id: NodeId, event: &TraceEvent) {
        let at = self.now;
        let node = self.node(id);
        let now = node.clock.now(at);
        let Some(Process { story, tuning, .. }) = node.process.as_deref_mut() else { return };
        let patience = tuning.timing.election_min;
        if let Some((rule, sentence)) = story.tells(event, now, patience) {
            self.judge.accuse(rule, at, sentence);
        }
    }

    /// A member becomes leader: no leader of an earlier term may serve reads by a lease from now on.
    fn hold_against_leases(&mut self, id: NodeId, term: Term) {
        let at = self.now;
        if !self.judge.trusts_leases(at) {
            return;
        }
        // A paused node serves no reads, and forgets its lease before it continues.
        let others = self.nodes.iter().filter(|node| node.id != id && !node.paused);
        let holder = others.filter_map(|node| {
            let status = node.process.as_ref()?.replica.status(node.clock.now(at));
            (status.term < term && !status.lease.is_zero()).then_some((node.id, status.lease))
        });
        if let Some((holder, lease)) = holder.max_by_key(|(_, lease)| *lease) {
            let sentence =
                format!("{id} begins to lead while {holder} has a lease for {} us", lease.as_micros());
            self.judge.accuse(LEASE, at, sentence);
        }
    }

    /// Entries that were overwritten while they were being read back are not what the log holds. What was sent as the leader of an
    /// earlier term, before they were overwritten in this turn, is none of that.
    fn hold_against_log(&mut self, id: NodeId, send: &[Envelope]) {
        let Some(process) = self.node(id).process.as_deref_mut() else { return };
        let replaced = std::mem::take(&mut process.replaced);
        if replaced.is_empty() {
            return;
        }
        let mut stale = send.iter().filter_map(|envelope| match &envelope.message {
            Message::AppendEntries(append) => {
                append.entries.iter().find(|entry| replaced.contains(&(append.term, entry.id)))
            }
            _ => None,
        });
        if let Some(entry) = stale.next() {
            let LogId { index, term } = entry.id;
            let sentence = format!("{id} sends entry {index} of term {term}, which was overwritten");
            self.judge.accuse(READ_BACK, self.now, sentence);
        }
    }

    /// What a leader took on top of the cap on uncommitted bytes.
    fn hold_against_cap(&mut self, id: NodeId) {
        let cap = self.setup.config.max_uncommitted_bytes;
        let at = self.now;
        let Some(process) = self.node(id).process.as_deref_mut() else { return };
        let first = process.story.commit().next();
        let entries: Vec<&Entry> = process.replica.entries(first, usize::MAX).collect();
        // What it took itself, and all before it; a membership on top of that is no client's.
        let own = |entry: &Entry| {
            entry.id.term == process.story.term && matches!(entry.payload, Payload::Command(_))
        };
        let taken = entries.iter().rposition(|entry| own(entry)).map_or(0, |last| last + 1);
        let sizes = entries[..taken].iter().map(|entry| entry.payload.size()).filter(|size| *size > 0);
        let (count, total) = sizes.fold((0, 0), |(count, sum), size| (count + 1, sum + size));
        if count > 1 && total > cap {
            let sentence =
                format!("{id} accepts a write with {total} uncommitted bytes, over the cap of {cap}");
            self.judge.accuse(CAP, at, sentence);
        }
    }

    fn count(&mut self, id: NodeId, event: &TraceEvent) {
        let stats = &mut self.stats;
        match event {
            TraceEvent::RoleChanged { to: Role::Leader, .. } => stats.elections += 1,
            TraceEvent::Committed { through } => stats.commits = stats.commits.max(through.0),
            TraceEvent::SnapshotTaken { .. } => stats.snapshots_taken += 1,
            TraceEvent::SnapshotInstalled { .. } => stats.snapshots_installed += 1,
            TraceEvent::MembershipCommitted { .. } => {
                let leads = self.node(id).process.as_ref().is_some_and(|p| p.story.role == Role::Leader);
                self.stats.memberships += u64::from(leads);
            }
            _ => {}
        }
    }

    /// What is durable at a member now, for the judge.
    pub(crate) fn observe_disk(&mut self, id: NodeId) {
        let at = self.now;
        let node = self.node(id);
        let Some(process) = &node.process else { return };
        let removal = process.lowest_removal();
        let last = node.platter.last().index;
        let through = removal.map_or(last, |from| last.min(from.previous()));
        let hard_state = node.platter.hard_state;
        let durable = Observation::Durable { term: hard_state.term, vote: hard_state.vote, through };
        self.judge.observe(at, id, &durable);
    }

    /// Puts a message on its link; sometimes as the bytes that would cross.
    pub(crate) fn transmit(&mut self, from: NodeId, Envelope { to, message }: Envelope) {
        let now = self.now;
        if to.0 == 0 || to.0 > self.nodes.len() as u64 {
            self.judge.accuse("messages go to nodes", now, format!("{from} sends to {to}"));
            return;
        }
        let sender = Sender::new(from, self.node(from).incarnation);
        if self.is_driven() {
            self.put_out(|| Outward::Sent { from: sender, to, message });
            return;
        }
        if !self.may_talk(from, to) {
            return;
        }
        let message = if self.network.encodes() { self.cross(sender, message) } else { message };
        let arrivals = self.network.send(sender, to, &message, now);
        let lost = arrivals.iter().all(Option::is_none);
        self.show(Some(from), || What::Sent { to: to.0, lost, message: MessageRecord::new(&message) });
        let [first, second] = arrivals;
        let mut deliver = |at, message| self.queue.at(at, Event::Deliver { from: sender, to, message });
        if let Some(at) = second {
            deliver(at, Box::new(message.clone()));
        }
        if let Some(at) = first {
            deliver(at, Box::new(message));
        }
    }

    fn cross(&mut self, from: Sender, message: Message) -> Message {
        let Sender { id, incarnation: Some(incarnation) } = from else { return message };
        let sent = PeerFrame { from: id, incarnation, message };
        match frame::decode::<PeerFrame>("peer", &frame::encode(&sent)) {
            Ok(arrived) if arrived == sent => arrived.message,
            other => {
                let sentence = format!("{sent:?} arrives as {other:?}");
                self.judge.accuse("frames arrive as they were sent", self.now, sentence);
                sent.message
            }
        }
    }

    /// An answer of a member on its way to its client.
    pub(crate) fn reply(&mut self, node: NodeId, (client, attempt): (usize, u64), answer: MemberAnswer) {
        if self.is_driven() {
            self.put_out(|| Outward::Answered { request: attempt, node, answer });
            return;
        }
        let at = self.now + self.network.calm_delay();
        self.queue.at(at, Event::Answer { client, attempt, answer: Box::new(answer) });
    }

    fn save_snapshot(&mut self, id: NodeId) {
        let Some(process) = self.node(id).process.as_deref_mut() else { return };
        let asked = std::mem::take(&mut process.snapshot_asked);
        if process.is_saving || !(asked || process.replica.snapshot_due()) {
            return;
        }
        let image = process.replica.image();
        let newest = process.newest_snapshot;
        if image.meta().last.index <= newest || !process.replica.may_snapshot() {
            return;
        }
        process.newest_snapshot = image.meta().last.index;
        process.is_saving = true;
        self.effect(id, |world| world.file(id, Filing::Save(Box::new(image))));
    }

    /// The next turn comes at the next deadline at the latest.
    fn set_timer(&mut self, id: NodeId, now: Timestamp) {
        let at = self.now;
        let node = self.node(id);
        let life = node.life;
        let Some(process) = &mut node.process else { return };
        let deadline = process.replica.next_deadline().max(now);
        process.expects = deadline;
        let wakes_at = node.clock.when(deadline, at).max(at + 1);
        if wakes_at < process.wakes_at {
            process.wakes_at = wakes_at;
            self.queue.at(wakes_at, Event::Wake { node: id, life });
        }
    }

    /// Whether the process of a member runs and is not paused.
    pub(crate) fn is_up(&mut self, id: NodeId) -> bool {
        let node = self.node(id);
        node.fate == MemberFate::Up && node.process.is_some()
    }
}
