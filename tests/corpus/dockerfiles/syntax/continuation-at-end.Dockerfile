FROM BASE
RUN false \
