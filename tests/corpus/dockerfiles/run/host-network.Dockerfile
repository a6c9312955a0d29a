FROM BASE
RUN --network=host true
