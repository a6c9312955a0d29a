FROM BASE
RUN --mount=type=tmpfs,target=/x,size=big true
