//! Bodies of webhooks, from the same forms as the API's answers (WHK-1).

use crate::channel::webhook_out::Bodies;
use crate::desk::Error;
use crate::desk::Result;
use crate::desk::webhooks::owed::Notice;
use crate::http::Api;
use crate::http::api::wire::Wire;
use crate::http::shape::Shape;

impl Bodies for Api {
    fn body(&self, notice: &Notice) -> Result<Vec<u8>> {
        let (agents, now) = (self.desk.agents()?, self.desk.clock().now());
        let plaintext = !notice.webhook.html;
        let wire = Wire::new(self.desk.settings(), &self.shared, agents, Shape::default(), plaintext, now);
        serde_json::to_vec(&wire.webhook_body(notice)).map_err(|error| Error::Unavailable(error.to_string()))
    }
}
