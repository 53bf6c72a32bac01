# As far as the suites need it, what the official image of Redis does.
FROM velostream-test/base:latest
RUN mkdir -p /data && chown redis:redis /data
WORKDIR /data
USER redis
EXPOSE 6379
CMD ["redis-server"]
