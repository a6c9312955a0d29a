FROM BASE
USER 0:nogroup-here
RUN true
