package org.stateferry.repository;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.sql.SQLException;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.springframework.mock.env.MockEnvironment;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StateferryHome;

class RepositoryFailureTest {
    @TempDir
    Path folder;

    static Stream<RuntimeException> lackOfMemory() {
        return Stream.of(
                new IllegalStateException(new OutOfMemoryError("Java heap space")),
                new IllegalStateException(new SQLException("Out of memory.", "HY000", 90108)));
    }

    @ParameterizedTest
    @MethodSource("lackOfMemory")
    void lackOfMemoryIsNoFaultOfTheRepository(RuntimeException failure) throws Exception {
        StateferryHome home = StateferryHome.open(folder.resolve("home"));
        MockEnvironment environment = new MockEnvironment()
                .withProperty("spring.datasource.url", "jdbc:h2:file:" + home.repositoryDatabase());

        for (StateferryException told : new StateferryException[] {
            RepositoryFailure.explain(failure, home, environment),
            RepositoryFailure.explain(failure, home, null),
            RepositoryFailure.during(failure)
        }) {
            assertThat(told.kind()).isEqualTo(FailureKind.INTERNAL);
            assertThat(told).hasMessageContaining("memory of this process");
            assertThat(told.advice()).contains("STATEFERRY_JAVA_OPTS=-Xmx", "stateferry history --prune");
        }
    }
}
