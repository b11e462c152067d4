FROM rust:1.95-bookworm AS build
WORKDIR /build
# The dependencies are a layer of their own: a change of the code does not build them again.
COPY Cargo.toml Cargo.lock ./
RUN mkdir src \
 && touch src/lib.rs \
 && echo 'fn main() {}' >src/main.rs \
 && cargo build --release --locked
COPY . .
# Cargo goes by times, and those of the copied files may be older than the ones made above.
RUN touch src/lib.rs src/main.rs \
 && cargo build --release --locked

FROM debian:bookworm-slim
# Volumes mounted here for the first time belong to the user of the program.
RUN install -d -m 700 -o 1000 -g 1000 /keys /state
COPY --from=build /build/target/release/pcap-archiver /usr/local/bin/
USER 1000:1000
ENTRYPOINT ["pcap-archiver"]
