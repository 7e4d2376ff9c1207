//! stub
use crate::outlet::Outlet;
use crate::whereabouts::Places;
pub(crate) struct Telemetry;
impl Telemetry {
    pub(crate) fn start(_: &Places, _: &Outlet) -> Self {
        Self
    }
}
