FROM BASE
RUN echo Killed && exit 137
