"""What a skops file may hold: for each of the file's loaders, the types it may make.

No loader that makes functions, methods, partials or operators is here, but for three scores of scikit-learn.
So FunctionTransformer can only be the identity, as ColumnTransformer makes it of "passthrough".
"""


def names(modules: dict[str, str]) -> frozenset[str]:
    return frozenset(f"{module}.{name}" for module, listed in modules.items() for name in listed.split())


OBJECTS = {
    "sklearn.calibration": "CalibratedClassifierCV _CalibratedClassifier _SigmoidCalibration",
    "sklearn.compose._column_transformer": "ColumnTransformer _RemainderColsList",
    "sklearn.compose._target": "TransformedTargetRegressor",
    "sklearn.decomposition._pca": "PCA",
    "sklearn.decomposition._truncated_svd": "TruncatedSVD",
    "sklearn.discriminant_analysis": "LinearDiscriminantAnalysis QuadraticDiscriminantAnalysis",
    "sklearn.dummy": "DummyClassifier DummyRegressor",
    "sklearn.ensemble._bagging": "BaggingClassifier BaggingRegressor",
    "sklearn.ensemble._forest": (
        "RandomForestClassifier RandomForestRegressor ExtraTreesClassifier ExtraTreesRegressor"
    ),
    "sklearn.ensemble._gb": "GradientBoostingClassifier GradientBoostingRegressor",
    "sklearn.ensemble._hist_gradient_boosting.binning": "_BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.gradient_boosting": (
        "HistGradientBoostingClassifier HistGradientBoostingRegressor"
    ),
    "sklearn.ensemble._hist_gradient_boosting.predictor": "TreePredictor",
    "sklearn.ensemble._iforest": "IsolationForest",
    "sklearn.ensemble._stacking": "StackingClassifier StackingRegressor",
    "sklearn.ensemble._voting": "VotingClassifier VotingRegressor",
    "sklearn.ensemble._weight_boosting": "AdaBoostClassifier AdaBoostRegressor",
    "sklearn.feature_selection._from_model": "SelectFromModel",
    "sklearn.feature_selection._univariate_selection": "SelectKBest SelectPercentile",
    "sklearn.feature_selection._variance_threshold": "VarianceThreshold",
    "sklearn.impute._base": "SimpleImputer MissingIndicator",
    "sklearn.impute._knn": "KNNImputer",
    "sklearn.isotonic": "IsotonicRegression",
    "sklearn.kernel_approximation": "Nystroem RBFSampler",
    "sklearn.linear_model._base": "LinearRegression",
    "sklearn.linear_model._bayes": "BayesianRidge ARDRegression",
    "sklearn.linear_model._coordinate_descent": "Lasso LassoCV ElasticNet ElasticNetCV",
    "sklearn.linear_model._glm.glm": "PoissonRegressor GammaRegressor TweedieRegressor",
    "sklearn.linear_model._huber": "HuberRegressor",
    "sklearn.linear_model._logistic": "LogisticRegression LogisticRegressionCV",
    "sklearn.linear_model._perceptron": "Perceptron",
    "sklearn.linear_model._ridge": "Ridge RidgeCV RidgeClassifier RidgeClassifierCV",
    "sklearn.linear_model._stochastic_gradient": "SGDClassifier SGDRegressor",
    "sklearn.metrics._dist_metrics": (
        "EuclideanDistance64 ManhattanDistance64 ChebyshevDistance64 MinkowskiDistance64"
    ),
    "sklearn.mixture._gaussian_mixture": "GaussianMixture",
    "sklearn.multiclass": "OneVsRestClassifier OneVsOneClassifier _ConstantPredictor",
    "sklearn.naive_bayes": "GaussianNB BernoulliNB CategoricalNB ComplementNB MultinomialNB",
    "sklearn.neighbors._ball_tree": "BallTree",
    "sklearn.neighbors._classification": "KNeighborsClassifier RadiusNeighborsClassifier",
    "sklearn.neighbors._kd_tree": "KDTree",
    "sklearn.neighbors._nearest_centroid": "NearestCentroid",
    "sklearn.neighbors._regression": "KNeighborsRegressor RadiusNeighborsRegressor",
    "sklearn.neural_network._multilayer_perceptron": "MLPClassifier MLPRegressor",
    "sklearn.neural_network._stochastic_optimizers": "AdamOptimizer SGDOptimizer",
    "sklearn.pipeline": "Pipeline FeatureUnion",
    "sklearn.preprocessing._data": (
        "StandardScaler MinMaxScaler MaxAbsScaler RobustScaler Normalizer Binarizer PowerTransformer "
        "QuantileTransformer"
    ),
    "sklearn.preprocessing._discretization": "KBinsDiscretizer",
    "sklearn.preprocessing._encoders": "OneHotEncoder OrdinalEncoder",
    "sklearn.preprocessing._function_transformer": "FunctionTransformer",
    "sklearn.preprocessing._label": "LabelEncoder LabelBinarizer",
    "sklearn.preprocessing._polynomial": "PolynomialFeatures",
    "sklearn.preprocessing._target_encoder": "TargetEncoder",
    "sklearn.svm._classes": "LinearSVC LinearSVR SVC SVR NuSVC NuSVR",
    "sklearn.tree._classes": (
        "DecisionTreeClassifier DecisionTreeRegressor ExtraTreeClassifier ExtraTreeRegressor"
    ),
    "sklearn._loss.link": "IdentityLink LogLink LogitLink HalfLogitLink MultinomialLogit Interval",
    "sklearn._loss.loss": (
        "HalfSquaredError AbsoluteError PinballLoss HuberLoss HalfPoissonLoss HalfGammaLoss "
        "HalfTweedieLoss HalfTweedieLossIdentity HalfBinomialLoss HalfMultinomialLoss ExponentialLoss"
    ),
}
LOSSES = {
    "sklearn._loss._loss": (
        "CyHalfSquaredError CyAbsoluteError CyPinballLoss CyHuberLoss CyHalfPoissonLoss CyHalfGammaLoss "
        "CyHalfTweedieLoss CyHalfTweedieLossIdentity CyHalfBinomialLoss CyHalfMultinomialLoss "
        "CyExponentialLoss"
    ),
    "sklearn.linear_model._sgd_fast": (
        "Hinge SquaredHinge Log ModifiedHuber SquaredLoss Huber EpsilonInsensitive SquaredEpsilonInsensitive"
    ),
}
NUMBERS = "bool_ bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64"

ALLOWED = {
    "ObjectNode": names(OBJECTS),
    "TreeNode": names({"sklearn.tree._tree": "Tree"}),
    "LossNode": names(LOSSES),
    "DictNode": names({"builtins": "dict", "collections": "OrderedDict", "sklearn.utils._bunch": "Bunch"}),
    "DefaultDictNode": names({"collections": "defaultdict"}),
    "ListNode": names({"builtins": "list"}),
    "TupleNode": names({"builtins": "tuple"}),
    "SetNode": names({"builtins": "set"}),
    "SliceNode": names({"builtins": "slice"}),
    "JsonNode": names({"builtins": "str"}),
    "NdArrayNode": names({"numpy": f"ndarray str_ {NUMBERS}"}),
    "MaskedArrayNode": names({"numpy.ma": "MaskedArray"}),
    "DTypeNode": names({"numpy": "dtype"}),
    "TypeNode": names({"builtins": "str int float bool", "numpy": f"str_ object_ {NUMBERS}"}),
    "FunctionNode": names({"sklearn.feature_selection._univariate_selection": "f_classif f_regression chi2"}),
    "RandomStateNode": names({"numpy.random.mtrand": "RandomState"}),
    "RandomGeneratorNode": names({"numpy.random._generator": "Generator"}),
}
TYPES = sorted(frozenset().union(*ALLOWED.values()))
