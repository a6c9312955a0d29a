FROM BASE
RUN <<A <<B
echo
A
