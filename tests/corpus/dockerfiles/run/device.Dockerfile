FROM BASE
RUN --device=vendor.example/gpu true
