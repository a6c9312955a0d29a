//! The shapes in which charts write an image.

/// A shape: its name, the values, the path of the image in them, and the expression with which a chart uses it.
pub(super) struct Shape {
    pub(super) name: &'static str,
    pub(super) values: &'static str,
    pub(super) path: &'static str,
    pub(super) template: &'static str,
}

const fn shape(
    name: &'static str,
    values: &'static str,
    path: &'static str,
    template: &'static str,
) -> Shape {
    Shape { name, values, path, template }
}

/// `OLD` is replaced by a digest, `HEX` by its digits.
pub(super) const SHAPES: &[Shape] = &[
    shape("string", "i: r.example/shop/api:v1", ".i", "{{ .i }}"),
    shape("pinned-string", "i: r.example/shop/api:v1@OLD", ".i", "{{ .i }}"),
    shape("repository-tag", "repository: r.example/shop/api\ntag: v1", "", "{{ .repository }}:{{ .tag }}"),
    shape("tag-pinned", "repository: r.example/shop/api\ntag: v1@OLD", "", "{{ .repository }}:{{ .tag }}"),
    shape(
        "repository-tag-digest",
        "repository: r.example/shop/api\ntag: v1\ndigest: ''",
        "",
        "{{ .repository }}:{{ .tag }}{{ with .digest }}@{{ . }}{{ end }}",
    ),
    shape(
        "repository-tag-digest-pinned",
        "repository: r.example/shop/api\ntag: v1\ndigest: OLD",
        "",
        "{{ .repository }}:{{ .tag }}{{ with .digest }}@{{ . }}{{ end }}",
    ),
    shape(
        "repository-digest",
        "repository: r.example/shop/api\ndigest: OLD",
        "",
        "{{ .repository }}{{ with .tag }}:{{ . }}{{ end }}{{ with .digest }}@{{ . }}{{ end }}",
    ),
    shape(
        "repository-tag-sha",
        "repository: shop/api\ntag: v1\nsha: ''",
        "",
        "{{ .repository }}:{{ .tag }}{{ with .sha }}@sha256:{{ . }}{{ end }}",
    ),
    shape(
        "registry-repository-tag-sha",
        "registry: quay.io\nrepository: shop/api\ntag: v1\nsha: HEX",
        "",
        "{{ .registry }}/{{ .repository }}:{{ .tag }}{{ with .sha }}@sha256:{{ . }}{{ end }}",
    ),
    shape("repository-version", "repository: shop/api\nversion: v1", "", "{{ .repository }}:{{ .version }}"),
    shape(
        "registry-image-tag-digest",
        "registry: registry.k8s.io\nimage: shop/api\ntag: v1\ndigest: OLD\ndigestChroot: OLD\nchroot: false",
        "",
        "{{ .registry }}/{{ .image }}:{{ .tag }}{{ with .digest }}@{{ . }}{{ end }}",
    ),
    shape(
        "host-path",
        "repository: quay.io\nimage: shop/api\ntag: v1",
        "",
        "{{ .repository }}/{{ .image }}:{{ .tag }}",
    ),
    shape(
        "prefix-image",
        "repository: quay.io/shop\nimage: api\ntag: v1",
        "",
        "{{ .repository }}/{{ .image }}:{{ .tag }}",
    ),
    shape(
        "registry-repository-tag",
        "registry: docker.io\nrepository: bitnami/nginx\ntag: v1\ndigest: ''",
        "",
        "{{ .registry }}/{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag }}{{ end }}",
    ),
    shape(
        "registry-slash",
        "registry: ghcr.io/\nrepository: shop/api\ntag: v1",
        "",
        "{{ .registry }}{{ .repository }}:{{ .tag }}",
    ),
    shape(
        "hub-image-tag",
        "hub: docker.io/istio\nimage: proxyv2\ntag: v1",
        "",
        "{{ .hub }}/{{ .image }}:{{ .tag }}",
    ),
    shape("image-tag", "image: shop/api\ntag: v1", ".image", "{{ .image }}:{{ .tag }}"),
    shape("image-tag-whole", "image: shop/api\ntag: v1", "", "{{ .image }}:{{ .tag }}"),
    shape(
        "image-imageTag",
        "image: r.example/shop/api\nimageTag: v1",
        ".image",
        "{{ .image }}:{{ .imageTag }}",
    ),
    shape(
        "key-Tag",
        "apiImage: r.example/shop/api\napiImageTag: v1",
        ".apiImage",
        "{{ .apiImage }}:{{ .apiImageTag }}",
    ),
    shape("name-tag", "name: shop/api\ntag: v1", "", "{{ .name }}:{{ .tag }}"),
    shape("label", "name: web\nimage: shop/api\ntag: v1", "", "{{ .image }}:{{ .tag }}"),
    shape(
        "strimzi",
        "registry: quay.io\nrepository: strimzi\nname: operator\ntag: v1",
        "",
        "{{ .registry }}/{{ .repository }}/{{ .name }}:{{ .tag }}",
    ),
    shape(
        "cilium-operator",
        "repository: quay.io/cilium/operator\ntag: v1\ngenericDigest: OLD",
        "",
        "{{ .repository }}-generic:{{ .tag }}@{{ .genericDigest }}",
    ),
    shape(
        "use-digest",
        "repository: quay.io/cilium/cilium\ntag: v1\ndigest: OLD\nuseDigest: false",
        "",
        "{{ .repository }}:{{ .tag }}{{ if .useDigest }}@{{ .digest }}{{ end }}",
    ),
    shape("number", "repository: shop/api\ntag: 1.20", "", "{{ .repository }}:{{ .tag }}"),
    shape(
        "repository-alone",
        "repository: r.example/shop/api",
        "",
        "{{ .repository }}{{ with .tag }}:{{ . }}{{ end }}",
    ),
    shape("tag-null", "repository: shop/api\ntag:", "", "{{ .repository }}:{{ .tag | default \"v0\" }}"),
    shape("tag-block", "repository: shop/api\ntag: |-\n  v1", "", "{{ .repository }}:{{ .tag }}"),
    shape("string-block", "i: >-\n  r.example/shop/api:v1", ".i", "{{ .i }}"),
    shape("registry-empty", "registry: ''\nrepository: shop/api\ntag: v1", "", OPTIONAL_REGISTRY),
    shape(
        "image-imageTag-imageDigest",
        "image: r.example/shop/api\nimageTag: v1\nimageDigest: OLD",
        ".image",
        "{{ .image }}:{{ .imageTag }}{{ with .imageDigest }}@{{ . }}{{ end }}",
    ),
    shape(
        "merged",
        "base: &base {repository: r.example/shop/api, tag: v1}\ni: {<<: *base}",
        ".i",
        "{{ .i.repository }}:{{ .i.tag }}",
    ),
    shape(
        "merged-block",
        "base: &base\n  registry: quay.io\n  repository: shop/api\n  tag: v1\ni:\n  <<: *base\n  pullPolicy: Always",
        ".i",
        "{{ .i.registry }}/{{ .i.repository }}:{{ .i.tag }}",
    ),
    shape(
        "merged-digest",
        "base: &base {repository: shop/api, tag: v1, digest: OLD}\ni: {<<: *base}",
        ".i",
        "{{ .i.repository }}:{{ .i.tag }}{{ with .i.digest }}@{{ . }}{{ end }}",
    ),
    shape(
        "merged-string",
        "base: &base {image: 'r.example/shop/api:v1'}\ni: {<<: *base}",
        ".i.image",
        "{{ .i.image }}",
    ),
    shape(
        "alias",
        "base: &base {repository: shop/api, tag: v1}\ni: *base",
        ".i",
        "{{ .i.repository }}:{{ .i.tag }}",
    ),
    shape("alias-tag", "t: &t v1\nrepository: shop/api\ntag: *t", "", "{{ .repository }}:{{ .tag }}"),
];

const OPTIONAL_REGISTRY: &str = "{{ with .registry }}{{ . }}/{{ end }}{{ .repository }}:{{ .tag }}";
