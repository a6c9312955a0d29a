FROM BASE
RUN echo before && exit 3
