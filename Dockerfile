# Builds on any platform that Rust and Debian have; see docs/docker.md.
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
LABEL org.opencontainers.image.title="pcap-archiver" \
      org.opencontainers.image.description="Stores every packet of your capture files and gives packets back as a capture file" \
      org.opencontainers.image.licenses="MIT"
# Volumes mounted here for the first time belong to the user of the program.
RUN install -d -m 700 -o 1000 -g 1000 /data /state /audit /secrets /secrets/web /secrets/users \
    /keys /keys/all /keys/publish /keys/read /keys/prune
COPY --from=build /build/target/release/pcap-archiver /usr/local/bin/
# Nothing is written anywhere else, so that the root file system may be read-only.
ENV PCAP_ARCHIVER_STORE=/data/store \
    PCAP_ARCHIVER_STATE_DIR=/data/state
USER 1000:1000
EXPOSE 8080
# Reachable, and allowed; what the store is, the settings of the container say.
HEALTHCHECK --interval=10s --timeout=10s --start-period=30s \
    CMD ["pcap-archiver", "--quiet", "status"]
ENTRYPOINT ["pcap-archiver"]
