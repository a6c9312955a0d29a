FROM BASE
RUN --mount=type=ssh,id=deploy,required=true true
