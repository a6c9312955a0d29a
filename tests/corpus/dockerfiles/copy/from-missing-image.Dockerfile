FROM BASE
COPY --from=REGISTRY/base/tools-secret:1 /x /
