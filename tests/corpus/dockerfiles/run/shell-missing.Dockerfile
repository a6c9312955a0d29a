FROM BASE
SHELL ["/bin/bash", "-c"]
RUN true
