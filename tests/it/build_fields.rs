//! Every field of `build`, proven on the image that was pushed or on the build itself.

mod attest;
mod branch_cache;
mod cache;
mod cache_miss;
mod context;
mod dockerignore;
mod git_context;
mod image;
mod like_buildx;
mod lost_caches;
mod old_caches;
mod options;
mod output;
mod platforms;
mod report;
mod rights;
mod skip;
mod strings;
mod submodules;

use serde_json::Value;

use self::image::Image;
use crate::support::plugin::{expect_phase, output};
use crate::support::shop::{Shop, template};

impl Shop {
    /// Runs a `build` with `more` fields, which must succeed.
    pub(super) async fn built(&self, more: Value) -> Value {
        let node = self.plugin.node(&template(self.build(more))).await;
        expect_phase(&node, "Succeeded");
        node
    }

    /// The image that the node pushed to Gitea, by its digest.
    async fn pushed(&self, node: &Value) -> Image {
        Image::pull(&output(node, "image"), Some((&self.owner, &self.token))).await
    }

    /// Builds with `more` fields, and reads the pushed image.
    async fn image_of(&self, more: Value) -> Image {
        self.pushed(&self.built(more).await).await
    }

    /// `text`, in which `BASE` is replaced by the name of an image with busybox.
    pub(crate) fn based(&self, text: &str) -> String {
        text.replace("BASE", &self.world.busybox)
    }
}
