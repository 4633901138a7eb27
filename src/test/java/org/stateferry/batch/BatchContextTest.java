package org.stateferry.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.Statement;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.batch.core.BatchStatus;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.job.parameters.JobParameters;
import org.springframework.batch.core.repository.JobRepository;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.batch.jdbc.autoconfigure.BatchJdbcAutoConfiguration;
import org.springframework.boot.flyway.autoconfigure.FlywayAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.DataSourceTransactionManagerAutoConfiguration;
import org.springframework.context.ApplicationContext;
import org.springframework.mock.env.MockEnvironment;
import org.springframework.test.util.ReflectionTestUtils;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StateferryHome;
import org.stateferry.importer.ImportIdentity;
import org.stateferry.repository.ImportParameters;
import org.stateferry.testing.Sampled;
import org.stateferry.testing.Thorough;

class BatchContextTest {
    private static final Pattern A_SERVICES_CLASS = Pattern.compile(
            "\\.(web|servlet|webmvc|security|actuate|health|tomcat|catalina|prometheus)\\.|micrometer\\.core");
    private static final Pattern A_SERVICES_LIBRARY = Pattern.compile(
            "web|servlet|tomcat|security|actuator|health|prometheus|micrometer-(core|jakarta|registry)|boot-micrometer");

    @TempDir
    Path folder;

    private StateferryHome home;

    @BeforeEach
    void openHome() throws Exception {
        home = StateferryHome.open(folder);
    }

    @Test
    void whatAJobLeavesIsThereInTheNextContext() throws Exception {
        JobParameters parameters = ImportParameters.identifying(TestImports.identity(home), 1);
        try (BatchContext context = BatchContext.start(home, Map.of())) {
            JobExecution execution = context.jobOperator().start(TestImports.quickJob(context), parameters);
            assertThat(execution.getStatus()).isEqualTo(BatchStatus.COMPLETED);
        }
        try (BatchContext context = BatchContext.start(home, Map.of())) {
            assertThat(context.jobRepository().getLastJobExecution(ImportParameters.JOB, parameters))
                    .satisfies(last -> assertThat(last.getStatus()).isEqualTo(BatchStatus.COMPLETED));
        }
    }

    @Thorough
    @Test
    void theFrameworkPrintsNothingAndLogsToItsFile() throws Exception {
        try (OtherProcess other = OtherProcess.start("start-context", folder)) {
            assertThat(other.awaitEnd()).isEmpty();
        }
        assertThat(home.logFile()).content().contains("newer than the version Flyway has been verified with");
    }

    @Test
    void theContextHoldsNoBeanOfAService() throws Exception {
        try (BatchContext context = BatchContext.start(home, Map.of())) {
            ApplicationContext spring = (ApplicationContext) ReflectionTestUtils.getField(context, "context");

            assertThat(spring.getBeanDefinitionNames())
                    .extracting(name -> String.valueOf(spring.getType(name)))
                    .hasSizeGreaterThan(10)
                    .noneMatch(type -> A_SERVICES_CLASS.matcher(type).find());
            assertThat(spring.getBeanNamesForAnnotation(AutoConfiguration.class))
                    .extracting(spring::getType)
                    .containsExactlyInAnyOrder(
                            DataSourceAutoConfiguration.class,
                            DataSourceTransactionManagerAutoConfiguration.class,
                            FlywayAutoConfiguration.class,
                            BatchJdbcAutoConfiguration.class);
        }
    }

    @Thorough
    @Test
    void theContextNeedsNoClassOfAService() throws Exception {
        try (OtherProcess other = OtherProcess.startWithout(A_SERVICES_LIBRARY, "start-context", folder)) {
            assertThat(other.awaitEnd()).isEmpty();
        }
        assertThat(home.repositoryFile()).exists();
    }

    @Test
    void aPathMayBeAsLongAsPathsGet() throws Exception {
        Path dump = Path.of("/" + "d".repeat(4094));
        ImportIdentity identity = new ImportIdentity(home.installationId(), dump, dump, "name", "1:1:aa");
        try (BatchContext context = BatchContext.start(home, Map.of())) {
            JobRepository repository = context.jobRepository();
            TestImports.execution(repository, ImportParameters.identifying(identity, 1), BatchStatus.FAILED);

            assertThat(ImportParameters.latestRound(repository, identity)).isPresent();
            assertThat(context.history().list())
                    .singleElement()
                    .satisfies(found -> assertThat(found.dump()).isEqualTo(dump.toString()));
        }
    }

    @Sampled
    @ParameterizedTest
    @ValueSource(strings = {"with space", "a#b?c", "a+b", "ü", "a'b"})
    void theHomeMayHaveAnUnusualName(String name) throws Exception {
        StateferryHome unusual = StateferryHome.open(folder.resolve(name));
        Files.writeString(unusual.settingsFile(), "stateferry.test=found");

        try (BatchContext context = BatchContext.start(unusual, Map.of())) {
            assertThat(context.history().list()).isEmpty();
            assertThat(context.property("stateferry.test")).isEqualTo("found");
        }
        assertThat(unusual.repositoryFile()).exists();
    }

    @Test
    void theSettingsFileNamesAnotherDatabase() throws Exception {
        Path elsewhere = folder.resolve("elsewhere");
        Files.writeString(home.settingsFile(), "spring.datasource.url=jdbc:h2:file:" + elsewhere);

        BatchContext.start(home, Map.of()).close();

        assertThat(folder.resolve("elsewhere.mv.db")).exists();
        assertThat(home.repositoryFile()).doesNotExist();
    }

    @Thorough
    @Test
    void theWorkingFoldersSettingsAreNotOurs() throws Exception {
        // The other process works in the home folder.
        Files.writeString(folder.resolve("application.properties"), "spring.datasource.url=jdbc:none:x");

        try (OtherProcess other = OtherProcess.start("start-context", folder)) {
            other.awaitEnd();
        }
        assertThat(home.repositoryFile()).exists();
    }

    @Test
    void settingsThatDoNotFitAreAConfigurationFailure() throws Exception {
        Files.writeString(home.settingsFile(), "spring.datasource.hikari.maximum-pool-size=many");
        assertFailure(FailureKind.CONFIGURATION, e -> assertThat(e.file()).isEqualTo(home.settingsFile()));

        Files.writeString(home.settingsFile(), "spring.datasource.url=\\u12");
        assertFailure(FailureKind.CONFIGURATION, e -> assertThat(e.file()).isEqualTo(home.settingsFile()));
    }

    @Test
    void aDatabaseThatIsNotThereIsNamedWithoutItsPassword() throws Exception {
        Files.writeString(
                home.settingsFile(),
                "spring.datasource.url=jdbc:postgresql://127.0.0.1:1/x?password=secret\n"
                        + "spring.datasource.password=secret");

        assertFailure(
                FailureKind.REPOSITORY,
                e -> assertThat(e.getMessage())
                        .contains("jdbc:postgresql://127.0.0.1:1/x not available")
                        .doesNotContain("secret"));
    }

    /** To connect, and to wait for an answer: neither takes for ever, whatever the server does. */
    @Test
    void aDatabaseServerThatDoesNotAnswerIsGivenUpAfterHalfAMinute() {
        MockEnvironment settings = new MockEnvironment();
        settings.setProperty("spring.datasource.url", "jdbc:postgresql://db.example.org/stateferry");
        Map<String, Object> limits = JobRepositoryConfiguration.limits(settings);
        long connectMillis = Long.parseLong(
                (String) JobRepositoryConfiguration.defaults(home).get("spring.datasource.hikari.connection-timeout"));
        String properties = "spring.datasource.hikari.data-source-properties.";
        long answerSeconds = Long.parseLong((String) limits.get(properties + "socketTimeout"));

        assertThat(limits).containsKey(properties + "connectTimeout");
        assertThat(Duration.ofMillis(connectMillis).plusSeconds(answerSeconds)).isEqualTo(Duration.ofSeconds(30));
    }

    @Sampled
    @ParameterizedTest
    @ValueSource(
            strings = {
                "spring.datasource.url",
                "SPRING.DATASOURCE.URL",
                "spring.datasource.hikari.jdbcUrl",
                "spring.flyway.url"
            })
    void aDatabaseUrlThatRunsSomethingIsRefusedBeforeItDoes(String setting) throws Exception {
        Path ran = folder.resolve("ran");
        Files.writeString(
                home.settingsFile(),
                setting + "=jdbc:h2:file:" + home.repositoryDatabase() + ";INIT=SCRIPT TO '" + ran + "'");

        assertFailure(
                FailureKind.CONFIGURATION,
                e -> assertThat(e.getMessage())
                        .contains(home.settingsFile().toString(), "has the H2 option INIT, which is not allowed"));
        assertThat(ran).doesNotExist();
    }

    @Test
    void aDatabaseInAFolderThatOthersCanWriteToIsRefused() throws Exception {
        Path shared = Files.createDirectory(folder.resolve("shared"));
        Files.setPosixFilePermissions(shared, PosixFilePermissions.fromString("rwxrwxrwx"));
        Files.writeString(home.settingsFile(), "spring.datasource.url=jdbc:h2:file:" + shared.resolve("db"));

        assertFailure(
                FailureKind.CONFIGURATION,
                e -> assertThat(e.getMessage()).contains(shared + " may be written to by everybody"));
        assertThat(shared).isEmptyDirectory();
    }

    @Test
    void aFileThatIsNoDatabaseIsNamedWithAdvice() throws Exception {
        Files.writeString(home.repositoryFile(), "x".repeat(20_000));

        assertFailure(FailureKind.REPOSITORY, this::blamesTheFile);
    }

    @Test
    void anotherProgramsDatabaseIsLeftAlone() throws Exception {
        try (Connection foreign = DriverManager.getConnection("jdbc:h2:file:" + home.repositoryDatabase())) {
            foreign.createStatement().execute("create table PRECIOUS (ID int)");
        }

        assertFailure(FailureKind.REPOSITORY, this::blamesTheFile);

        try (Connection foreign = DriverManager.getConnection("jdbc:h2:file:" + home.repositoryDatabase())) {
            foreign.createStatement().executeQuery("select * from PRECIOUS");
        }
    }

    @Thorough
    @Test
    void aDatabaseThatAnotherProgramHasOpenIsReportedAsSuch() throws Exception {
        try (OtherProcess other = OtherProcess.start("hang-in-step", folder)) {
            other.awaitWord("in step");

            assertFailure(FailureKind.REPOSITORY, e -> assertThat(e.problem()).contains("open in another program"));
        }
    }

    private void blamesTheFile(StateferryException e) {
        assertThat(e.file()).isEqualTo(home.repositoryFile());
        assertThat(e.advice()).contains("move the file away");
        assertThat(e.getMessage().lines()).hasSize(1);
    }

    private void assertFailure(FailureKind kind, Consumer<StateferryException> requirements) {
        assertThatExceptionOfType(StateferryException.class)
                .isThrownBy(() -> BatchContext.start(home, Map.of()).close())
                .satisfies(e -> assertThat(e.kind()).isEqualTo(kind))
                .satisfies(requirements);
    }

    @Sampled
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6})
    void aSpoiledDatabaseEitherWorksOrIsNamed(long seed) throws Exception {
        try (BatchContext context = BatchContext.start(home, Map.of())) {
            TestImports.execution(
                    context.jobRepository(),
                    ImportParameters.identifying(TestImports.identity(home), 1),
                    BatchStatus.FAILED);
        }
        Random random = new Random(seed);
        byte[] bytes = Files.readAllBytes(home.repositoryFile());
        for (int i = 0; i < 200; i++) {
            bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
        }
        Files.write(home.repositoryFile(), random.nextBoolean() ? bytes : Arrays.copyOf(bytes, bytes.length / 2));

        try {
            BatchContext.start(home, Map.of()).close();
        } catch (StateferryException e) {
            assertThat(e.kind()).as("seed %d", seed).isEqualTo(FailureKind.REPOSITORY);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"h2", "postgresql"})
    void theSchemaIsSpringBatchsOwnButForRoomForPaths(String vendor) throws Exception {
        String original = resource("/org/springframework/batch/core/schema-" + vendor + ".sql");
        String ours = resource("/db/migration/" + vendor + "/V1__batch_schema.sql");

        assertThat(statements(ours))
                .isEqualTo(statements(original).stream()
                        .map(line -> line.replace("PARAMETER_VALUE VARCHAR(2500)", "PARAMETER_VALUE VARCHAR(8192)"))
                        .toList());
    }

    @Sampled
    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "DROP SEQUENCE BATCH_JOB_INSTANCE_SEQ",
                "DROP SEQUENCE BATCH_JOB_INSTANCE_SEQ; DROP TABLE BATCH_JOB_EXECUTION_CONTEXT",
                "DROP ALL OBJECTS"
            })
    void aSchemaThatAKilledStartLeftUnfinishedIsFinished(String missing) throws Exception {
        BatchContext.start(home, Map.of()).close();
        try (Connection connection = DriverManager.getConnection("jdbc:h2:file:" + home.repositoryDatabase());
                Statement statement = connection.createStatement()) {
            // H2 has committed the tables so far, but nobody has noted the migration as done
            statement.execute("DELETE FROM \"flyway_schema_history\"; " + missing);
        }

        try (BatchContext context = BatchContext.start(home, Map.of())) {
            context.jobOperator()
                    .start(TestImports.quickJob(context), ImportParameters.identifying(TestImports.identity(home), 1));
            assertThat(context.history().list()).hasSize(1);
        }
    }

    private static List<String> statements(String script) {
        return script.lines()
                .filter(line -> !line.isBlank() && !line.startsWith("--"))
                .map(line -> line.replace(" IF NOT EXISTS", ""))
                .toList();
    }

    private static String resource(String name) throws Exception {
        try (InputStream in = BatchContextTest.class.getResourceAsStream(name)) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
