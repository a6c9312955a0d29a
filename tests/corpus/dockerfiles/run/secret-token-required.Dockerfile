FROM BASE
RUN --mount=type=secret,id=not-found-500,required=true true
