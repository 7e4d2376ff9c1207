//! The headless node: sockets, disk thread, HTTP, telemetry.
