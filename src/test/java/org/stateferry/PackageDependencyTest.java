package org.stateferry;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaMethodCall;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.RandomAccessFile;
import java.io.StringWriter;
import java.nio.channels.AsynchronousFileChannel;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.spi.ToolProvider;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Holds the packages to the order in which they may use each other. Packages without code yet break no rule. */
class PackageDependencyTest {
    private static final String ROOT = "org.stateferry";
    private static final int KNOT_SIZE_MAX = 3;
    private static final int FILES_MAX = 40;

    private static final JavaClasses PRODUCTION = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages(ROOT);

    private static final Map<String, Set<String>> REFERENCES = readReferences();

    /** Every package, lowest first, with the packages of ours that it may use; it may also use what those may use. */
    private enum Layer {
        ERROR("error"),
        BYTES("bytes", ERROR),
        HOST("host"),
        STORAGE("storage", BYTES, HOST),
        QCOW2_FORMAT("qcow2.format", BYTES),
        QCOW2("qcow2", QCOW2_FORMAT, STORAGE),
        QCOW2_VMSTATE("qcow2.vmstate", QCOW2),
        STREAM("stream", BYTES),
        STREAM_INSPECTION("stream.inspection", STREAM),
        SOURCE_CODEC("source.codec", BYTES),
        SOURCE_MAPPED("source.mapped", STREAM_INSPECTION),
        SOURCE("source", QCOW2_VMSTATE, SOURCE_CODEC, SOURCE_MAPPED),
        TRANSFER("transfer", BYTES),
        JOURNAL("journal", QCOW2),
        HOME("home", BYTES, HOST),
        IMPORTER("importer", SOURCE, HOME),
        IMPORTER_IMAGE("importer.image", IMPORTER, JOURNAL, TRANSFER),
        IMPORTER_STEP("importer.step", IMPORTER_IMAGE),
        SNAPSHOT("snapshot", QCOW2),
        EXPORTER("exporter", IMPORTER_IMAGE, SNAPSHOT),
        REPOSITORY("repository", IMPORTER_IMAGE, EXPORTER),
        BATCH("batch", REPOSITORY, IMPORTER_STEP),
        INSTALLATION("installation", BATCH),
        SERVICE_DEFINITION("service.definition", IMPORTER),
        SERVICE_NOTIFICATION("service.notification", INSTALLATION, SERVICE_DEFINITION),
        SERVICE_RETENTION("service.retention", SERVICE_DEFINITION, SNAPSHOT),
        SERVICE("service", SERVICE_NOTIFICATION, SERVICE_RETENTION),
        WEB("web", SERVICE),
        CLI_OUTPUT("cli.output", INSTALLATION, SNAPSHOT),
        CLI_PROGRESS("cli.progress", CLI_OUTPUT),
        CLI("cli", CLI_PROGRESS, WEB, EXPORTER);

        private final String packageName;
        private final List<Layer> mayUse;

        Layer(String packageName, Layer... mayUse) {
            this.packageName = ROOT + "." + packageName;
            this.mayUse = List.of(mayUse);
        }

        /** The names of this package and of all that it may use. */
        String[] reach() {
            return withUsed().map(layer -> layer.packageName).distinct().toArray(String[]::new);
        }

        private Stream<Layer> withUsed() {
            return Stream.concat(Stream.of(this), mayUse.stream().flatMap(Layer::withUsed));
        }

        static String[] all() {
            return names(layer -> true);
        }

        static String[] below(Layer upper) {
            return names(layer -> layer.compareTo(upper) < 0);
        }

        static String[] above(Layer lower) {
            return names(layer -> layer.compareTo(lower) > 0);
        }

        private static String[] names(Predicate<Layer> wanted) {
            return Arrays.stream(values())
                    .filter(wanted)
                    .map(layer -> layer.packageName)
                    .toArray(String[]::new);
        }
    }

    @ParameterizedTest
    @EnumSource(Layer.class)
    void aPackageUsesOnlyThePackagesItMay(Layer layer) {
        classes()
                .that()
                .resideInAPackage(layer.packageName)
                .should()
                .onlyDependOnClassesThat(not(resideInAPackage(ROOT + "..")).or(resideInAnyPackage(layer.reach())))
                .allowEmptyShould(true)
                .check(PRODUCTION);
    }

    @Test
    void everyClassIsInAPackageWithARule() {
        classes().should().resideInAnyPackage(Layer.all()).check(PRODUCTION);
    }

    /** Every class is in one of the packages, and these are in one order, so there is no circle either. */
    @ParameterizedTest
    @EnumSource(Layer.class)
    void aPackageUsesNoneOfThoseAboveIt(Layer layer) {
        noClasses()
                .that()
                .resideInAPackage(layer.packageName)
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(Layer.above(layer))
                .allowEmptyShould(true)
                .check(PRODUCTION);
    }

    /**
     * Two or three classes that make one thing may know each other; where more do, none of them can be read or changed alone.
     * A nested class counts as its outermost one.
     */
    @ParameterizedTest
    @EnumSource(Layer.class)
    void atMostThreeClassesOfAPackageReachEachOther(Layer layer) {
        Map<String, Set<String>> references = references(layer);
        List<Set<String>> knots = references.keySet().stream()
                .map(name -> reachedBy(name, references).stream()
                        .filter(other -> reachedBy(other, references).contains(name))
                        .collect(Collectors.toCollection(TreeSet::new)))
                .filter(knot -> knot.size() > KNOT_SIZE_MAX)
                .distinct()
                .collect(Collectors.toList());

        assertThat(knots).isEmpty();
    }

    /** Of each outermost class of a package, the other ones of the same package that it refers to. */
    private static Map<String, Set<String>> references(Layer layer) {
        Map<String, Set<String>> references = new TreeMap<>();
        REFERENCES.forEach((from, targets) -> {
            if (packageOf(from).equals(layer.packageName)) {
                references.put(
                        from,
                        targets.stream()
                                .filter(to -> packageOf(to).equals(layer.packageName))
                                .collect(Collectors.toSet()));
            }
        });
        return references;
    }

    private static String packageOf(String className) {
        return className.substring(0, className.lastIndexOf('.'));
    }

    /**
     * Of each outermost class, those that its class files name. ArchUnit tells what is used; constants that the compiler has
     * copied are seen by the JDK's own tool only.
     */
    private static Map<String, Set<String>> readReferences() {
        StringWriter report = new StringWriter();
        String classes = Path.of("target", "classes").toString();
        int exit = ToolProvider.findFirst("jdeps")
                .orElseThrow()
                .run(new PrintWriter(report), new PrintWriter(report), "-verbose:class", "-filter:none", classes);
        assertThat(exit).as(report.toString()).isZero();
        Map<String, Set<String>> references = new TreeMap<>();
        Matcher lines = Pattern.compile("^ +(org\\.stateferry\\.[\\w.]+)\\S* +-> ([\\w.]+)", Pattern.MULTILINE)
                .matcher(report.toString());
        while (lines.find()) {
            Set<String> targets = references.computeIfAbsent(lines.group(1), from -> new TreeSet<>());
            if (!lines.group(2).equals(lines.group(1))) {
                targets.add(lines.group(2));
            }
        }
        assertThat(references).isNotEmpty();
        return references;
    }

    private static Set<String> reachedBy(String name, Map<String, Set<String>> references) {
        Set<String> reached = new TreeSet<>();
        Deque<String> open = new ArrayDeque<>(List.of(name));
        while (!open.isEmpty()) {
            references.getOrDefault(open.remove(), Set.of()).stream()
                    .filter(reached::add)
                    .forEach(open::add);
        }
        return reached;
    }

    /** A room with more in it has no name that says what is in it. */
    @ParameterizedTest
    @EnumSource(Layer.class)
    void aPackageHasNoMoreFilesThanOneCanOverlook(Layer layer) {
        assertThat(references(layer)).hasSizeLessThanOrEqualTo(FILES_MAX);
    }

    /** What operates a home goes through its one door, and not past it. */
    @Test
    void theServiceRunsImportsThroughTheInstallation() {
        noClasses()
                .that()
                .resideInAPackage(Layer.SERVICE.packageName)
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(Layer.BATCH.packageName, Layer.REPOSITORY.packageName)
                .check(PRODUCTION);
    }

    @Test
    void errorsKnowOnlyTheJdk() {
        classes()
                .that()
                .resideInAPackage(Layer.ERROR.packageName)
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage(Layer.ERROR.packageName, "java..", "org.jspecify.annotations")
                .check(PRODUCTION);
    }

    @Test
    void noFrameworkIsUsedBelowTheJobRepository() {
        noClasses()
                .that()
                .resideInAnyPackage(Layer.below(Layer.REPOSITORY))
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("org.springframework..", "jakarta..", "io.micrometer..")
                .check(PRODUCTION);
    }

    /**
     * Closing any descriptor of a file drops the locks that the process holds on it, so whoever opens an image on the side
     * unlocks it. Channels are opened where images, dumps, journals and the repository's owner file are at home; the other
     * doors to a descriptor that is read or written at will are shut everywhere.
     */
    @Test
    void fileChannelsAreOpenedInFewPackages() {
        noClasses()
                .that()
                .resideOutsideOfPackages(
                        Layer.HOST.packageName,
                        Layer.STORAGE.packageName,
                        Layer.SOURCE.packageName,
                        Layer.JOURNAL.packageName,
                        Layer.HOME.packageName)
                .should()
                .callMethodWhere(calls(FileChannel.class, "open"))
                .check(PRODUCTION);
        noClasses()
                .should()
                .dependOnClassesThat()
                .belongToAnyOf(
                        RandomAccessFile.class,
                        FileInputStream.class,
                        FileOutputStream.class,
                        AsynchronousFileChannel.class)
                .orShould()
                .callMethodWhere(calls(Files.class, "newByteChannel"))
                .check(PRODUCTION);
    }

    /**
     * Whatever is printed goes through what escapes foreign text: the console, and the forms of progress. Whoever ends the JVM
     * because it is in doubt prints the name of an error's class, by itself: it relies on nothing.
     */
    @Test
    void onlyTheConsoleAndTheProgressPrint() {
        noClasses()
                .that()
                .doNotHaveFullyQualifiedName(ROOT + ".cli.output.Console")
                .and()
                .doNotHaveFullyQualifiedName(ROOT + ".service.DoubtfulJvm")
                .and()
                .resideOutsideOfPackage(Layer.CLI_PROGRESS.packageName)
                .should()
                .callMethodWhere(DescribedPredicate.describe(
                        "prints",
                        call -> call.getTargetOwner().isAssignableTo(PrintStream.class)
                                && Set.of("print", "println", "printf", "format", "write")
                                        .contains(call.getName())))
                .check(PRODUCTION);
    }

    private static DescribedPredicate<JavaMethodCall> calls(Class<?> owner, String method) {
        return DescribedPredicate.describe(
                "calls " + owner.getSimpleName() + "." + method,
                call -> call.getTargetOwner().isEquivalentTo(owner)
                        && call.getName().equals(method));
    }
}
