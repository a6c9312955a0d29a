FROM REGISTRY/base/my-secret-tool:1
RUN true
