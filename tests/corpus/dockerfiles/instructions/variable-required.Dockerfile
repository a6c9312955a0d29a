FROM BASE
ARG B
ENV A=${B:?must be set}
