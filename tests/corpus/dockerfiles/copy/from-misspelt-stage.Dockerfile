FROM BASE AS build
FROM BASE
COPY --from=bulid /bin/sh /
