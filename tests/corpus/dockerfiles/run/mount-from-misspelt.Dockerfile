FROM BASE AS base
FROM base
RUN --mount=type=bind,from=bas,target=/x true
