FROM BASE
RUN --network=bridge true
