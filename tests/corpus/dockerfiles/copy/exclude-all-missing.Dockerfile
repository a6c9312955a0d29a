FROM BASE
COPY --parents nodir/*/x.txt /
