FROM BASE
RUN --mount=type=secret,id=npmrc,required true
