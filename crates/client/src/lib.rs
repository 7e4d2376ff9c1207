//! The async client: finds the leader, follows hints, retries with a deadline.
