# As far as the suites need it, what the official image of PostgreSQL does.
FROM velostream-test/base:latest
RUN ln -s /usr/lib/postgresql/*/bin /usr/local/postgresql && \
    mkdir -p /var/lib/postgresql/data && chown postgres:postgres /var/lib/postgresql/data
ENV PATH=/usr/local/postgresql:/usr/sbin:/usr/bin:/sbin:/bin PGDATA=/var/lib/postgresql/data LC_ALL=C.UTF-8
COPY postgres-entrypoint.sh /usr/local/bin/
USER postgres
EXPOSE 5432
ENTRYPOINT ["/usr/local/bin/postgres-entrypoint.sh"]
CMD ["postgres"]
