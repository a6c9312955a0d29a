FROM BASE AS build
FROM BASE
COPY --from=build /nothing/here /
