FROM BASE
RUN --mount=type=secret,id=npmrc true
