FROM BASE
RUN --privileged true
